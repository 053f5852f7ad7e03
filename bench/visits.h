#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"

namespace fairlead::bench {

/// Whole visits, `at_once` of them in progress: each connects, upgrades with the next of `tokens`,
/// waits for the first message, closes with 1000 and waits until the server has closed too. Then
/// the next one takes its place. Returns when all tokens have visited.
Result<void> visit_all(int port, const std::string& path, const std::vector<std::string>& tokens,
                       std::size_t at_once);

}  // namespace fairlead::bench
