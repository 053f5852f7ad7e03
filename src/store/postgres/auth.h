#pragma once

#include <cstdint>
#include <vector>

#include "auth/repository.h"
#include "store/postgres/connection.h"

namespace fairlead::store::postgres {

// ---- in a pipeline ------------------------------------------------------------------------------
void revoke(Connection& connection, const auth::Revocation& revocation);
void forget_expired(Connection& connection, std::int64_t now_ms);

// ---- reads --------------------------------------------------------------------------------------
Outcome<std::vector<auth::Revocation>> load_unexpired(Connection& connection, std::int64_t now_ms);

}  // namespace fairlead::store::postgres
