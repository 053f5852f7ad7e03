#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "app/sim/source.h"

namespace fairlead::app::sim {

/// A reading on its way into the hub.
struct Sample {
  Reading reading;
  /// Its place among all of the device's samples.
  std::uint64_t number = 0;
  /// 0 until it is first sent.
  std::int64_t seq = 0;
  /// Whether the hub may have it: it was sent, and nobody knows what became of it.
  bool in_doubt = false;
};

/// A device's samples that are not stored and not on their way. Those in doubt stand in front with
/// the seq they were sent with, rising; behind them what has none yet. A seq is given when a
/// sample first leaves, and one that the hub has surely refused gets a new one: with the old one it
/// would pass for a duplicate behind what was taken meanwhile. One in doubt must keep its seq, so
/// nothing may leave behind it until it is answered.
class Backlog {
 public:
  void add(Reading reading) {
    samples_.push_back({.reading = std::move(reading), .number = ++last_number_});
  }
  bool is_empty() const { return samples_.empty(); }
  std::size_t size() const { return samples_.size(); }

  /// Whether the next one to send is in doubt.
  bool is_in_doubt() const { return !samples_.empty() && samples_.front().in_doubt; }

  /// The next ones to send, numbered: at most `most`, and about `most_bytes` of JSON; either all in
  /// doubt or none.
  std::vector<Sample> take(std::size_t most, std::size_t most_bytes);

  /// The line was lost: what was in flight, in the order sent, is in doubt. All calls for one line
  /// come from the last message to the first.
  void put_back_in_doubt(std::vector<Sample> samples);
  /// The hub refused them. What was in doubt before still is, the rest is as if never sent.
  void put_back_refused(std::vector<Sample> samples);

  /// What is in doubt up to `last_seq` is stored: drops it and returns how many that were.
  std::size_t drop_stored(std::int64_t last_seq);

  /// The highest seq ever given.
  std::int64_t last_given() const { return last_given_; }

 private:
  std::deque<Sample> samples_;
  std::uint64_t last_number_ = 0;
  std::int64_t last_given_ = 0;
};

}  // namespace fairlead::app::sim
