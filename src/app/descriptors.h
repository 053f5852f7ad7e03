#pragma once

#include <cstddef>

namespace fairlead::app {

/// Raises the limit of open files of this process as far as it may without privileges; returns
/// what is in force.
std::size_t raise_descriptor_limit();

/// Logs a warning when `connections` do not fit into `descriptors`, with what to do about it.
void check_descriptors(std::size_t descriptors, std::size_t connections);

}  // namespace fairlead::app
