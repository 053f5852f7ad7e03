#pragma once

#include <string>
#include <vector>

#include "hub/repository.h"
#include "store/sqlite/database.h"

namespace fairlead::store::sqlite {

/// subscriptions through one connection.
class Subscriptions {
 public:
  explicit Subscriptions(Database& database);

  Result<void> save(const hub::DurableSubscription& subscription);
  Result<void> remove(const std::string& tenant, const std::string& subject,
                      const std::string& name);

  Result<std::vector<hub::DurableSubscription>> load();

 private:
  Statement save_;
  Statement remove_;
  Statement load_;
};

}  // namespace fairlead::store::sqlite
