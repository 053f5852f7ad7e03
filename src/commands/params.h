#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/capabilities.h"

namespace fairlead::commands {

/// Checks the params of commands against the JSON Schemas that devices declared. Keeps the compiled
/// schemas of late: at most 256, of together 1 MiB of text. One per shard; not thread-safe.
class Params {
 public:
  Params();
  ~Params();
  Params(const Params&) = delete;
  Params& operator=(const Params&) = delete;

  /// Whether the schema of every command that is declared can be used; kInvalid names each that
  /// cannot, such as `capabilities.commands.set_target.params.properties.celsius.type`.
  static Result<void> check_declared(const protocol::Capabilities& declared);

  /// kInvalid with `fields` such as `params.celsius`. An empty schema takes everything; no params
  /// are checked as `{}`. A schema that cannot be used is a problem of `params`: nothing is sent
  /// unchecked.
  Result<void> check(std::string_view schema, const std::optional<std::string>& params);

  /// Compiled schemas at hand.
  std::size_t size() const;

 private:
  struct Compiled;
  class Cache;

  std::unique_ptr<Cache> cache_;
};

}  // namespace fairlead::commands
