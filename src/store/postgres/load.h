#pragma once

#include <cstdint>

#include "store/loaded.h"
#include "store/postgres/connection.h"

namespace fairlead::store::postgres {

/// What a hub takes into memory when it starts: in pages of devices, so that a large fleet needs no
/// more than itself.
Outcome<Loaded> load(Connection& connection, std::int64_t now_ms);

}  // namespace fairlead::store::postgres
