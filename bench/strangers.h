#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace fairlead::bench {

/// Handshakes with a token that nobody has signed, no two alike, so many a second: a signature to
/// check each, and nothing else. Whoever is answered leaves.
class Strangers {
 public:
  /// `algorithm`: ES384 or HS256. The time begins with the first step().
  Strangers(int port, std::string path, std::string algorithm, int per_second);
  ~Strangers();
  Strangers(const Strangers&) = delete;
  Strangers& operator=(const Strangers&) = delete;

  /// Sends what is due by now, and reads what was answered.
  Result<void> step();
  std::size_t answered() const { return answered_; }

 private:
  Result<void> send_one();
  std::string next_token();

  const int port_;
  const std::string path_;
  const std::string algorithm_;
  const std::int64_t per_second_;
  std::int64_t began_ns_ = 0;
  std::int64_t sent_ = 0;
  std::size_t answered_ = 0;
  std::vector<int> waiting_;
};

}  // namespace fairlead::bench
