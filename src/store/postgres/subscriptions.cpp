#include "store/postgres/subscriptions.h"

namespace fairlead::store::postgres {
namespace {

constexpr const char* kSave =
    "INSERT INTO subscriptions (tenant, subject, name, definition, used_at) "
    "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, subject, name) DO UPDATE SET "
    "definition = excluded.definition, used_at = excluded.used_at";
constexpr const char* kRemove =
    "DELETE FROM subscriptions WHERE tenant = $1 AND subject = $2 AND name = $3";
constexpr const char* kLoad =
    "SELECT tenant, subject, name, definition, used_at FROM subscriptions "
    "ORDER BY tenant, subject, name";

}  // namespace

void save_subscription(Connection& connection, const hub::DurableSubscription& subscription) {
  connection.send(kSave, subscription.tenant, subscription.subject, subscription.name,
                  subscription.definition, subscription.used_at);
}

void remove_subscription(Connection& connection, const std::string& tenant,
                         const std::string& subject, const std::string& name) {
  connection.send(kRemove, tenant, subject, name);
}

Outcome<std::vector<hub::DurableSubscription>> load_subscriptions(Connection& connection) {
  const auto answer = connection.query(kLoad);
  if (!answer) return std::unexpected(answer.error());
  std::vector<hub::DurableSubscription> found;
  found.reserve(static_cast<std::size_t>(answer->rows()));
  for (int row = 0; row < answer->rows(); ++row) {
    found.push_back({.tenant = answer->text(row, 0),
                     .subject = answer->text(row, 1),
                     .name = answer->text(row, 2),
                     .definition = answer->text(row, 3),
                     .used_at = answer->integer(row, 4)});
  }
  return found;
}

}  // namespace fairlead::store::postgres
