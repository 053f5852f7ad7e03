#include "store/sqlite/subscriptions.h"

#include <utility>

namespace fairlead::store::sqlite {
namespace {

constexpr const char* kSave =
    "INSERT INTO subscriptions (tenant, subject, name, definition, used_at) "
    "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (tenant, subject, name) DO UPDATE SET "
    "definition = excluded.definition, used_at = excluded.used_at";
constexpr const char* kRemove =
    "DELETE FROM subscriptions WHERE tenant = ?1 AND subject = ?2 AND name = ?3";
constexpr const char* kLoad =
    "SELECT tenant, subject, name, definition, used_at FROM subscriptions "
    "ORDER BY tenant, subject, name";

}  // namespace

Subscriptions::Subscriptions(Database& database)
    : save_(database, kSave), remove_(database, kRemove), load_(database, kLoad) {}

Result<void> Subscriptions::save(const hub::DurableSubscription& subscription) {
  return save_.run(subscription.tenant, subscription.subject, subscription.name,
                   subscription.definition, subscription.used_at);
}

Result<void> Subscriptions::remove(const std::string& tenant, const std::string& subject,
                                   const std::string& name) {
  return remove_.run(tenant, subject, name);
}

Result<std::vector<hub::DurableSubscription>> Subscriptions::load() {
  std::vector<hub::DurableSubscription> found;
  Rows rows = load_.query();
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    found.push_back({.tenant = rows.text(0),
                     .subject = rows.text(1),
                     .name = rows.text(2),
                     .definition = rows.text(3),
                     .used_at = rows.integer(4)});
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return found;
}

}  // namespace fairlead::store::sqlite
