#include "store/sqlite/auth.h"

#include <utility>

namespace fairlead::store::sqlite {
namespace {

// As later_expiry() and is_expired() in store/revocations.h.
constexpr const char* kRevoke =
    "INSERT INTO revoked_tokens (tenant, jti, expires_at) VALUES (?1, ?2, ?3) "
    "ON CONFLICT (tenant, jti) DO UPDATE SET expires_at = CASE "
    "WHEN expires_at = 0 OR excluded.expires_at = 0 THEN 0 "
    "ELSE max(expires_at, excluded.expires_at) END";
constexpr const char* kForget =
    "DELETE FROM revoked_tokens WHERE expires_at <> 0 AND expires_at <= ?1";
constexpr const char* kLoad =
    "SELECT tenant, jti, expires_at FROM revoked_tokens "
    "WHERE expires_at = 0 OR expires_at > ?1 ORDER BY tenant, jti";

}  // namespace

Auth::Auth(Database& database)
    : revoke_(database, kRevoke), forget_(database, kForget), load_(database, kLoad) {}

Result<void> Auth::revoke(const auth::Revocation& revocation) {
  return revoke_.run(revocation.tenant, revocation.jti, revocation.expires_at_ms);
}

Result<void> Auth::forget_expired(std::int64_t now_ms) { return forget_.run(now_ms); }

Result<std::vector<auth::Revocation>> Auth::load_unexpired(std::int64_t now_ms) {
  std::vector<auth::Revocation> found;
  Rows rows = load_.query(now_ms);
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    found.push_back(
        {.tenant = rows.text(0), .jti = rows.text(1), .expires_at_ms = rows.integer(2)});
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return found;
}

}  // namespace fairlead::store::sqlite
