#pragma once

#include <source_location>
#include <stdexcept>
#include <string>

namespace fairlead::support {

/// What ends a test case that cannot go on: the text says what was awaited and what came instead.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The peer is not there any more, or not yet: what a test that kills its hub expects.
class Disconnected : public Failure {
 public:
  using Failure::Failure;
};

/// Throws Failure with the place of the caller in front.
[[noreturn]] void fail_at(const std::source_location& where, const std::string& text);

}  // namespace fairlead::support
