#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace fairlead::commands {

/// Who sent the commands that ended without a result of their device: a late one is told to them
/// too. Bounded: beyond kMax the oldest is forgotten. A restart forgets all, as connections do.
class LateSenders {
 public:
  static constexpr std::size_t kMax = 10'000;

  struct Place {
    std::uint64_t shard = 0;
    std::string connection;
  };

  void remember(std::string_view command, std::uint64_t shard, std::string_view connection) {
    if (connection.empty()) return;
    if (!senders_.try_emplace(std::string(command), Place{shard, std::string(connection)}).second) {
      return;
    }
    order_.emplace_back(command);
    if (order_.size() <= kMax) return;
    senders_.erase(order_.front());
    order_.pop_front();
  }

  /// Nobody's, when it is not remembered.
  Place find(const std::string& command) const {
    const auto sender = senders_.find(command);
    return sender == senders_.end() ? Place{} : sender->second;
  }

 private:
  boost::unordered_flat_map<std::string, Place> senders_;
  std::deque<std::string> order_;
};

}  // namespace fairlead::commands
