#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fairlead::auth {

/// Which web pages may connect (RFC 6454), from `http.allowed_origins`. Immutable; any thread may
/// ask.
class OriginPolicy {
 public:
  /// Entries are `scheme://host[:port]`, `null`, or `*` for all but `null`. Another is kInvalid
  /// and named: a path or a final slash would never match anything.
  static Result<OriginPolicy> make(const std::vector<std::string>& allowed);

  /// No `Origin` at all is allowed (devices send none), so is the origin that the request went to
  /// by its `Host` and by whether the client speaks TLS. Behind a proxy that ends TLS and does not
  /// say so the public origin has to be listed. `null` is allowed only where it is listed. Scheme
  /// and host compare without case, a scheme's default port like none.
  bool allows(std::optional<std::string_view> origin, std::string_view host, bool is_tls) const;

 private:
  bool allows_all_ = false;
  bool allows_null_ = false;
  /// Normalised.
  std::vector<std::string> allowed_;
};

}  // namespace fairlead::auth
