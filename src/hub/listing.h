#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/completion.h"
#include "hub/operations.h"
#include "hub/shard.h"

namespace fairlead::hub {

// How a page of a list is gathered from all shards, none of which it holds up.

/// Entries that one shard looks at in one step, and for one page: a filter that fits little makes
/// pages short, never long to make.
inline constexpr std::size_t kMaxScannedInStep = 1000;
inline constexpr std::size_t kMaxScanned = 10'000;

/// One shard's part of a page.
struct Part {
  /// By name, at most one more than the page holds.
  std::vector<std::pair<std::string, std::string>> items;
  /// Where the shard stopped looking; nullopt: at its end.
  std::optional<std::string> stopped_at;
};

/// Joins the parts of a page from all shards, in the order of names.
class Gathering {
 public:
  Gathering(std::size_t parts, std::size_t limit, Completion<JsonPage> done)
      : parts_left_(parts), limit_(limit), done_(std::move(done)) {}

  void add(Part part) {
    for (auto& [name, json] : part.items) items_.emplace(std::move(name), std::move(json));
    // Behind the first stop there may be names that were not looked at.
    if (part.stopped_at && (!stopped_at_ || *part.stopped_at < *stopped_at_)) {
      stopped_at_ = std::move(part.stopped_at);
    }
    if (--parts_left_ == 0) finish();
  }

 private:
  void finish() {
    JsonPage page;
    std::string last;
    bool is_whole = true;
    for (auto& [name, json] : items_) {
      if (page.items.size() == limit_ || (stopped_at_ && name > *stopped_at_)) {
        is_whole = false;
        break;
      }
      page.items.push_back(std::move(json));
      last = name;
    }
    if (!is_whole && page.items.size() == limit_) {
      page.next = last;
    } else if (stopped_at_) {
      page.next = stopped_at_;
    }
    done_(std::move(page));
  }

  std::map<std::string, std::string> items_;
  std::optional<std::string> stopped_at_;
  std::size_t parts_left_;
  std::size_t limit_;
  Completion<JsonPage> done_;
};

/// Looks through the entries of one shard behind `after`, in steps between which it serves others.
/// `walk(shard, after, visit)` goes through them by name until `visit(name, is_listed, make_json)`
/// says false.
template <typename Walk>
void look_through(Shard& there, Walk walk, std::string after, std::size_t limit, Part part,
                  std::size_t scanned, Completion<Part> answer) {
  part.stopped_at.reset();
  std::size_t in_step = 0;
  walk(there, std::string_view(after),
       [&](std::string_view name, bool is_listed, auto&& make_json) {
         if (is_listed) part.items.emplace_back(name, make_json());
         if (part.items.size() <= limit && ++in_step < kMaxScannedInStep) return true;
         part.stopped_at = std::string(name);
         return false;
       });
  scanned += in_step;
  if (!part.stopped_at || part.items.size() > limit || scanned >= kMaxScanned) {
    return answer(std::move(part));
  }
  after = *part.stopped_at;
  there.ports().peers.post(there.index(), [walk = std::move(walk), after = std::move(after), limit,
                                           part = std::move(part), scanned,
                                           answer = std::move(answer)](Shard& shard) mutable {
    look_through(shard, std::move(walk), std::move(after), limit, std::move(part), scanned,
                 std::move(answer));
  });
}

/// The page behind `after`, of all shards.
template <typename Walk>
void gather_page(Shard& here, Walk walk, std::string after, std::size_t limit,
                 Completion<JsonPage> done) {
  const std::size_t shards = here.ports().peers.count();
  auto gathering = std::make_shared<Gathering>(shards, limit, std::move(done));
  for (std::size_t shard = 0; shard < shards; ++shard) {
    here.ask<Part>(
        shard,
        [walk, after, limit](Shard& there, auto answer) {
          look_through(there, walk, after, limit, {}, 0, std::move(answer));
        },
        [gathering](Result<Part> part) { gathering->add(std::move(*part)); });
  }
}

}  // namespace fairlead::hub
