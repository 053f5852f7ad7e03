#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace fairlead::protocol {

enum class NodeKind : std::uint8_t { kNull, kBoolean, kNumber, kString, kObject, kArray };

/// One value of a document. Views last as long as the document's content.
struct Node {
  NodeKind kind = NodeKind::kNull;
  bool boolean = false;
  /// For numbers: whether it is one without a fraction that fits into `integer` (5.0 and 5e0 too).
  bool is_integer = false;
  /// Of an object or array: how many members or elements.
  std::uint32_t children = 0;
  /// Where the node behind this one and all that is in it stands.
  std::uint32_t next = 0;
  std::int64_t integer = 0;
  double number = 0;
  /// A member's name, unescaped; empty in arrays.
  std::string_view key;
  /// A string's value, unescaped; of all else the JSON text as it stood in the source.
  std::string_view text;
};

/// A JSON value as one flat run of nodes, a container before what is in it. A value type that is
/// meant to be kept and filled again: it keeps its memory.
class Document {
 public:
  /// The members of an object or elements of an array, in their order. Of a scalar: none.
  class Children {
   public:
    class Iterator {
     public:
      Iterator(const Document& document, std::size_t index, std::size_t left)
          : document_(&document), index_(index), left_(left) {}
      const Node& operator*() const { return document_->nodes_[index_]; }
      Iterator& operator++() {
        index_ = document_->nodes_[index_].next;
        --left_;
        return *this;
      }
      bool operator==(const Iterator& other) const { return left_ == other.left_; }

     private:
      const Document* document_;
      std::size_t index_;
      std::size_t left_;
    };

    Children(const Document& document, const Node& parent) : document_(document), parent_(parent) {}
    Iterator begin() const {
      return {document_, document_.index_of(parent_) + 1, parent_.children};
    }
    Iterator end() const { return {document_, 0, 0}; }

   private:
    const Document& document_;
    const Node& parent_;
  };

  bool is_empty() const { return nodes_.empty(); }
  std::size_t size() const { return nodes_.size(); }
  const Node& root() const { return nodes_.front(); }
  Children children(const Node& parent) const { return {*this, parent}; }
  /// The member of that name; null when `object` has none or is no object.
  const Node* find(const Node& object, std::string_view key) const {
    for (const Node& child : children(object)) {
      if (child.key == key) return &child;
    }
    return nullptr;
  }

  void clear() { nodes_.clear(); }
  /// Gives the memory back, not only the content.
  void shrink() { std::vector<Node>().swap(nodes_); }
  /// Adds a node behind the last, to be filled in place; gives its index.
  std::size_t append(std::string_view key) {
    nodes_.emplace_back().key = key;
    return nodes_.size() - 1;
  }
  Node& at(std::size_t index) { return nodes_[index]; }

 private:
  std::size_t index_of(const Node& node) const {
    return static_cast<std::size_t>(&node - nodes_.data());
  }

  std::vector<Node> nodes_;
};

}  // namespace fairlead::protocol
