#pragma once

#include "net/exchange.h"

namespace fairlead::http {

/// The dashboard page, its files, and the specifications: what is embedded in the program. False
/// when the path is none of them.
bool serve_asset(const net::HttpRequest& request, net::Exchange& exchange);

}  // namespace fairlead::http
