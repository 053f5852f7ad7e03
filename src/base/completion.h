#pragma once

#include <functional>

#include "base/result.h"

namespace fairlead {

/// Runs exactly once, later, on the thread that asked: never inside the call that took it.
template <typename T>
using Completion = std::move_only_function<void(Result<T>)>;

}  // namespace fairlead
