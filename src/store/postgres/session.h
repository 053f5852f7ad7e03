#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "store/postgres/connection.h"

namespace fairlead::store::postgres {

/// How the store talks to its server.
struct Options {
  std::string url;
  /// False: the server may answer a commit before it is on its disk.
  bool is_fully_durable = true;
  bool auto_migrate = false;
  /// A server that is silent for longer is taken for gone.
  std::chrono::milliseconds timeout{30'000};
  /// How long a commit waits for a server that is away.
  std::chrono::milliseconds patience{30'000};
  /// How long samples are kept; 0: for ever.
  std::int64_t retention_days = 0;
  /// How long a start waits for another hub to go: one that was killed may be held on to by its
  /// server for a moment.
  std::chrono::milliseconds lock_patience{10'000};
};

/// A session that writes, under a name by which its own remains can be found.
ConnectionOptions writer_session(const Options& options, const std::string& name);
/// A session that cannot write.
ConnectionOptions reader_session(const Options& options);

}  // namespace fairlead::store::postgres
