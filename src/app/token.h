#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fairlead::app {

/// What `fairlead token` is asked for.
struct TokenOptions {
  std::string secret_file;
  std::string subject;
  std::string kind = "client";
  std::string tenant;
  std::string scope;
  std::vector<std::string> devices;
  std::int64_t ttl_s = 3600;
  std::string jti;
};

/// Prints a token on stdout; returns the exit code.
int print_token(const TokenOptions& options);

}  // namespace fairlead::app
