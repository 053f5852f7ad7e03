#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "protocol/document.h"
#include "protocol/limits.h"

namespace fairlead::protocol {

/// What a text may have at most. The defaults are for what comes from outside.
struct ReaderBounds {
  std::size_t depth = kMaxDepth;
  std::size_t values = kMaxValues;
};

/// Reads JSON (RFC 8259), and only that: it refuses bad UTF-8, lone surrogates, doubled members
/// at any depth, numbers out of a double's range, and what is over its bounds. Keeps its buffers
/// from call to call: reading allocates nothing once they have grown, and they are given back after
/// an unusually large text. Not thread-safe.
class JsonReader {
 public:
  explicit JsonReader(ReaderBounds bounds = {});
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  /// Fills document(). At least 64 readable bytes follow `json`. Fails with kBadMessage, or with
  /// kTooLarge for too many values; the document is then empty.
  Result<void> read(std::string_view json);
  /// The same for a text that nothing need follow; copies it.
  Result<void> read_copy(std::string_view json);

  /// What was read last. Its views last until the next read, those into `json` as long as that.
  const Document& document() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fairlead::protocol
