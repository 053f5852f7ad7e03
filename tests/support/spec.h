#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "support/http_client.h"
#include "support/json.h"

namespace fairlead::support {

// What the hub says, held against the documents that it serves. A member that a document does not
// name counts as wrong. Thread-safe. Nothing: all is well; else what is not.

/// A WebSocket message of the hub, against spec/asyncapi.json.
std::optional<std::string> spec_problem(const Json& message);

/// A response, against spec/openapi.json; says nothing of paths and methods that are not in it.
std::optional<std::string> spec_problem(std::string_view method, std::string_view target,
                                        const HttpResponse& response);

}  // namespace fairlead::support
