#pragma once

#include <cstdint>
#include <vector>

#include "auth/repository.h"
#include "store/sqlite/database.h"

namespace fairlead::store::sqlite {

/// revoked_tokens through one connection.
class Auth {
 public:
  explicit Auth(Database& database);

  Result<void> revoke(const auth::Revocation& revocation);
  Result<void> forget_expired(std::int64_t now_ms);

  Result<std::vector<auth::Revocation>> load_unexpired(std::int64_t now_ms);

 private:
  Statement revoke_;
  Statement forget_;
  Statement load_;
};

}  // namespace fairlead::store::sqlite
