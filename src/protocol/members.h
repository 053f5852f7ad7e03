#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/document.h"
#include "protocol/limits.h"
#include "protocol/problems.h"

namespace fairlead::protocol {

/// Bounds of an integer, both included.
struct Range {
  std::int64_t least = 0;
  std::int64_t most = kMaxSafeInteger;
};

/// Where an object stands in its message: nowhere for the message itself, else the member of it,
/// or the element of that member, such as `samples[1]`.
struct Place {
  std::string_view member{};
  std::optional<std::size_t> index{};
};

/// A scalar as a person would name it, shortened; `an object`, `an array` for those.
std::string describe(const Node& node);

/// Reads the members of one object by name and notes what is wrong with them. Readers that return
/// an optional return nullopt for a member that is absent, and for one that has a problem; null is
/// a problem unless said otherwise. Lives shorter than what it was made from.
class Members {
 public:
  /// Paths begin with `place`, where the object stands.
  Members(const Document& document, const Node& object, Problems& problems, Place place = {})
      : document_(document), object_(object), problems_(problems), place_(place) {}

  const Document& document() const { return document_; }
  Problems& problems() const { return problems_; }
  const Node* find(std::string_view name) const { return document_.find(object_, name); }
  /// The path of the object itself (empty for the message), and of a member of it.
  std::string path() const;
  std::string path(std::string_view name) const;
  void add(std::string_view name, std::string problem) const;
  /// Notes a problem of the object itself, which is not the message.
  void add_here(std::string problem) const;

  /// A required string of 1 to `longest` characters; empty when there is a problem.
  std::string_view required_text(std::string_view name, std::size_t longest) const;
  /// An optional string of `shortest` to `longest` characters.
  std::optional<std::string_view> text(std::string_view name, std::size_t shortest,
                                       std::size_t longest) const;
  std::optional<std::int64_t> integer(std::string_view name, Range range = {}) const;
  std::optional<bool> boolean(std::string_view name) const;
  /// One of the words; nullopt when absent or none of them.
  std::optional<std::string_view> word(std::string_view name,
                                       std::initializer_list<std::string_view> words) const;
  /// The array, when it is one.
  const Node* array(std::string_view name) const;
  /// The array, when it is one and has 1 to `most` elements.
  const Node* list(std::string_view name, std::size_t most) const;
  /// The object, when it is one.
  const Node* object(std::string_view name) const;
  /// Whether it is there; notes a problem when it is not.
  bool require(std::string_view name) const;

 private:
  const Document& document_;
  const Node& object_;
  Problems& problems_;
  Place place_;
};

}  // namespace fairlead::protocol
