#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rare.h"

namespace fairlead::auth {

enum class Kind : std::uint8_t { kDevice, kClient };

/// `device` or `client`, as on the wire.
std::string_view name_of(Kind kind);

/// What a client may do. None implies another, `admin` neither.
enum class Scope : std::uint8_t {
  kTelemetryRead,
  kTelemetryWrite,
  kDeviceRead,
  kDeviceWrite,
  kCommandRead,
  kCommandSend,
  kConnectionRead,
  kAdmin,
};

/// `telemetry:read` and so on, as in the `scope` claim.
std::string_view name_of(Scope scope);
std::optional<Scope> scope_named(std::string_view name);

/// A set of scopes.
class Scopes {
 public:
  constexpr Scopes() = default;
  constexpr Scopes(std::initializer_list<Scope> scopes) {
    for (const Scope scope : scopes) add(scope);
  }
  /// The words of a `scope` claim, separated by spaces (RFC 8693, 4.2); unknown ones are skipped.
  static Scopes from_claim(std::string_view words);
  static Scopes all();

  constexpr void add(Scope scope) { bits_ = static_cast<std::uint8_t>(bits_ | bit(scope)); }
  constexpr bool has(Scope scope) const { return (bits_ & bit(scope)) != 0; }
  constexpr bool is_empty() const { return bits_ == 0; }
  /// The inverse of `from_claim`, in the order of the enumeration.
  std::string to_claim() const;

  friend constexpr bool operator==(Scopes, Scopes) = default;

 private:
  static constexpr unsigned bit(Scope scope) { return 1U << static_cast<unsigned>(scope); }
  std::uint8_t bits_ = 0;
};

/// Whom a verified token speaks for, and what it permits. Copies freely.
struct Principal {
  Kind kind = Kind::kClient;
  std::string tenant{};
  /// The device's id, or the client's name.
  std::string subject{};
  /// Empty for a device, whatever its token says: what a device may do is fixed.
  Scopes scopes{};
  /// The token of a client has no `devices` claim: the whole tenant.
  bool all_devices = false;
  /// Ids, and prefixes that end in `*`, that a client may touch; says nothing if `all_devices`.
  Rare<std::vector<std::string>> devices{};
  /// 0: never.
  std::int64_t expires_at_ms = 0;
  /// 0: the token does not say.
  std::int64_t issued_at_ms = 0;
  /// None: this token cannot be revoked by itself.
  Rare<std::string> jti{};

  bool has(Scope scope) const { return scopes.has(scope); }

  friend bool operator==(const Principal&, const Principal&) = default;
};

/// May `principal` see or command this device of its tenant, as far as devices go (scopes are
/// another question)? A device touches itself only.
bool may_touch(const Principal& principal, std::string_view device_id);

/// The same tenant, kind and subject: what a refreshed token must keep.
bool is_same_identity(const Principal& one, const Principal& other);

}  // namespace fairlead::auth
