#include "store/postgres/auth.h"

namespace fairlead::store::postgres {
namespace {

// As later_expiry() and is_expired() in store/revocations.h.
constexpr const char* kRevoke =
    "INSERT INTO revoked_tokens AS t (tenant, jti, expires_at) VALUES ($1, $2, $3) "
    "ON CONFLICT (tenant, jti) DO UPDATE SET expires_at = CASE "
    "WHEN t.expires_at = 0 OR excluded.expires_at = 0 THEN 0 "
    "ELSE greatest(t.expires_at, excluded.expires_at) END";
constexpr const char* kForget =
    "DELETE FROM revoked_tokens WHERE expires_at <> 0 AND expires_at <= $1";
constexpr const char* kLoad =
    "SELECT tenant, jti, expires_at FROM revoked_tokens "
    "WHERE expires_at = 0 OR expires_at > $1 ORDER BY tenant, jti";

}  // namespace

void revoke(Connection& connection, const auth::Revocation& revocation) {
  connection.send(kRevoke, revocation.tenant, revocation.jti, revocation.expires_at_ms);
}

void forget_expired(Connection& connection, std::int64_t now_ms) {
  connection.send(kForget, now_ms);
}

Outcome<std::vector<auth::Revocation>> load_unexpired(Connection& connection, std::int64_t now_ms) {
  const auto answer = connection.query(kLoad, now_ms);
  if (!answer) return std::unexpected(answer.error());
  std::vector<auth::Revocation> found;
  found.reserve(static_cast<std::size_t>(answer->rows()));
  for (int row = 0; row < answer->rows(); ++row) {
    found.push_back({.tenant = answer->text(row, 0),
                     .jti = answer->text(row, 1),
                     .expires_at_ms = answer->integer(row, 2)});
  }
  return found;
}

}  // namespace fairlead::store::postgres
