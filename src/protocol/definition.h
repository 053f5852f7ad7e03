#pragma once

#include <string>

#include "protocol/requests.h"

namespace fairlead::protocol {

/// What a subscription asks for, without where it begins, as the JSON that
/// Parser::parse_definition() reads.
std::string write_definition(const Subscribe& subscribe);

}  // namespace fairlead::protocol
