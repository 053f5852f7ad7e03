#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fairlead::protocol {

/// Collects what is wrong with the members of a request: all of it, of which kMaxProblems are named
/// and the rest is counted. Costs nothing while nothing is wrong.
class Problems {
 public:
  bool is_empty() const { return count_ == 0; }
  void add(std::string path, std::string problem);
  /// For what is `too_large` over `limit` rather than `invalid`.
  void add_too_large(std::string path, std::string problem, std::int64_t limit);
  void add_all(std::vector<FieldProblem> found);

  /// Everything as one error; at least one problem must have been added. It is kTooLarge when no
  /// problem is of another kind, else kInvalid.
  Error to_error() &&;

 private:
  std::vector<FieldProblem> fields_;
  std::size_t count_ = 0;
  std::size_t too_large_ = 0;
  std::int64_t limit_ = 0;
};

/// `text`, shortened to whole characters so that it can stand in a message.
std::string shortened(std::string_view text, std::size_t longest_bytes = 64);

/// How many code points the UTF-8 text has: what the protocol means by characters.
std::size_t count_characters(std::string_view text);

}  // namespace fairlead::protocol
