#pragma once

#include <memory>
#include <string>
#include <vector>

#include "auth/principal.h"
#include "http/telemetry_format.h"
#include "hub/operations.h"
#include "net/exchange.h"
#include "telemetry/repository.h"

namespace fairlead::http {

/// Which page of a device's history somebody wants, and how.
struct ExportRequest {
  hub::Operations& operations;
  auth::Principal who;
  std::string device;
  telemetry::Range range;
  Format format = Format::kJson;
  /// Sorted; empty: all.
  std::vector<std::string> metrics;
  net::HttpRequest http;
};

/// Answers with the page. One that a single read of the store gives is answered at once; a larger
/// one is streamed, read by read as the peer takes it, in memory that does not grow with it. CSV
/// and NDJSON are read twice then: what goes before their rows (columns, the next page's link) is
/// only known behind the last one.
void export_telemetry(ExportRequest request, std::unique_ptr<net::Exchange> exchange);

}  // namespace fairlead::http
