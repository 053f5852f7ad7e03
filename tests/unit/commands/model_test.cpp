// The service beside the simplest machine that follows the rules, through thousands of random
// lives with failing commits, late reads, reconnects and crashes.
#include "unit/commands/model.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "unit/commands/world.h"

namespace fairlead::commands::testing {
namespace {

/// Completions of a life that a crash ended must not write into the next one.
template <typename T>
Completion<T> completion_of(const ExchangePtr& exchange) {
  return [exchange](const Result<T>& result) {
    FAIRLEAD_ASSERT(!exchange->got);
    exchange->got = result ? std::nullopt : std::optional<Code>(result.error().code);
  };
}

class Life {
 public:
  explicit Life(std::uint64_t seed) : random_(seed) {
    world_.random = SeededRandom(seed);
    model_.now = world_.clock.now;
    world_.repository.on_commit = [this](const Command& command) { commit(command); };
  }

  void live(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      check();
    }
  }

 private:
  struct Asked {
    std::string id, what;
    ExchangePtr exchange;
  };

  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }
  std::string any_id() {
    if (ids_.empty()) return "k-none";
    return ids_[random_.below(ids_.size())];
  }

  void step() {
    switch (random_.below(16)) {
      case 0:
      case 1:
        return send();
      case 2:
      case 3:
      case 4:
      case 5:
        return ask();
      case 6:
      case 7:
        return written();
      case 8:
        return chance(70) ? connect() : disconnect();
      case 9:
        return pass();
      case 10:
        return chance(60) ? fail() : crash();
      case 11:
      case 12:
        return answer_reads();
      default:
        world_.repository.commit_one();
    }
  }

  void send() {
    const bool queue = chance(60);
    SendRequest request = world_.request(queue, is_connected_);
    request.body.timeout_ms = static_cast<std::int64_t>(1000 + random_.below(5) * 1000);
    const auto exchange = new_exchange();
    world_.service().send(std::move(request), world_.capabilities, completion_of<Sent>(exchange));
    const std::string id = world_.repository.last_saved();
    model_.send(id, world_.repository.last_expiry() - model_.now, !queue && !is_connected_,
                exchange);
    ids_.push_back(id);
  }

  void ask() {
    const std::string id = any_id();
    static const std::vector<std::string> whats = {"accept", "cancel", "1", "2"};
    const Asked asked{id, whats[random_.below(whats.size())], new_exchange()};
    const bool is_known = model_.things.contains(id) && model_.things.at(id).is_in_memory();
    if (asked.what == "accept") {
      world_.service().accept(kBoiler, {id}, completion_of<void>(asked.exchange));
    } else if (asked.what == "cancel") {
      world_.service().cancel(kBoiler, id, completion_of<State>(asked.exchange));
    } else {
      world_.service().result(kBoiler, executed(id, asked.what),
                              completion_of<void>(asked.exchange));
    }
    if (is_known) {
      model_.request(id, asked.what, asked.exchange);
    } else {
      lookups_.push_back(asked);
    }
  }

  void answer_reads() {
    // A life's lookups of one command are answered together, in the order of the first.
    const bool is_good = chance(80);
    is_good ? world_.repository.answer_reads() : world_.repository.fail_reads();
    for (const Asked& asked : std::exchange(lookups_, {})) {
      const auto found = model_.things.find(asked.id);
      if (!is_good) {
        asked.exchange->expected = Code::kOverloaded;
      } else if (found == model_.things.end() || found->second.is_gone) {
        asked.exchange->expected = Code::kNotFound;
      } else {
        model_.request(asked.id, asked.what, asked.exchange);
      }
    }
  }

  void written() {
    const std::string id = any_id();
    if (!model_.things.contains(id)) return;
    world_.service().written(kBoiler, id);
    if (model_.things.at(id).is_in_memory()) model_.written(id);
  }
  void connect() {
    is_connected_ = true;
    const std::size_t before = world_.link.deliveries.size();
    world_.connect();
    model_.connect();
    const auto& sent = world_.link.deliveries;
    const bool is_in_order =
        std::is_sorted(sent.begin() + static_cast<std::ptrdiff_t>(before), sent.end(),
                       [](const Delivery& a, const Delivery& b) { return a.command < b.command; });
    CHECK(is_in_order);
  }
  void disconnect() {
    is_connected_ = false;
    world_.service().device_disconnected(kBoiler);
    model_.disconnect();
  }
  void pass() {
    // At least a second: whatever is to be tried again is due.
    model_.now += static_cast<std::int64_t>(1000 + random_.below(2000));
    world_.pass(model_.now - world_.clock.now);
    model_.fire();
  }
  void commit(const Command& command) {
    model_.commit(command.id);
    const Form& form = *model_.things.at(command.id).committed;
    CHECK(command.state == form.state);
    CHECK(command.attempt == form.attempt);
    CHECK(command.late_result.has_value() == !form.late_result.empty());
    CHECK(command.result.value_or("") == form.result);
    CHECK(command.history.back().state == form.state);
  }
  void fail() {
    world_.repository.fail_all();
    model_.fail_all();
  }
  void crash() {
    is_connected_ = false;
    world_.restart();
    model_.crash();
    lookups_.clear();
    exchanges_.clear();
  }

  ExchangePtr new_exchange() {
    exchanges_.push_back(std::make_shared<Exchange>());
    return exchanges_.back();
  }

  void check() {
    for (const ExchangePtr& exchange : exchanges_) CHECK(exchange->got == exchange->expected);
    std::erase_if(exchanges_, [](const ExchangePtr& exchange) { return exchange->got; });
    std::vector<std::string> told, sent;
    for (const ToldChange& change : world_.sink.told) {
      told.push_back(change.command + std::string(name_of(change.state)));
    }
    CHECK(told == model_.told);
    for (const Delivery& delivery : world_.link.deliveries) {
      sent.push_back(delivery.command + " " + std::to_string(delivery.attempt));
    }
    std::sort(sent.begin(), sent.end());
    std::sort(model_.deliveries.begin(), model_.deliveries.end());
    CHECK(sent == model_.deliveries);
    world_.sink.told.clear();
    model_.told.clear();
    world_.link.deliveries.clear();
    model_.deliveries.clear();
    CHECK(world_.service().unfinished(kBoiler) == model_.unfinished());
    CHECK(world_.service().count(State::kPending) + world_.service().count(State::kDelivered) +
              world_.service().count(State::kAccepted) ==
          model_.unfinished());
  }

  SeededRandom random_;
  World world_;
  Model model_;
  std::vector<std::string> ids_;
  std::vector<Asked> lookups_;
  std::vector<ExchangePtr> exchanges_;
  bool is_connected_ = false;
};

TEST_CASE("the service does what the simplest machine does, in thousands of random lives") {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    CAPTURE(seed);
    Life(seed).live(60);
  }
}

}  // namespace
}  // namespace fairlead::commands::testing
