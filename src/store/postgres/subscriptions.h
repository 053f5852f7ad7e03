#pragma once

#include <string>
#include <vector>

#include "hub/repository.h"
#include "store/postgres/connection.h"

namespace fairlead::store::postgres {

// ---- in a pipeline ------------------------------------------------------------------------------
void save_subscription(Connection& connection, const hub::DurableSubscription& subscription);
void remove_subscription(Connection& connection, const std::string& tenant,
                         const std::string& subject, const std::string& name);

// ---- reads --------------------------------------------------------------------------------------
Outcome<std::vector<hub::DurableSubscription>> load_subscriptions(Connection& connection);

}  // namespace fairlead::store::postgres
