#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "commands/states.h"

namespace fairlead::commands::testing {

/// A command as the rules of protocol.md section 7 have it, written without regard to speed.
struct Form {
  State state = State::kPending;
  std::int64_t attempt = 0;
  std::string result{};
  std::string late_result{};
};

/// What a request was answered with, and what it should be: nullopt for ok.
struct Exchange {
  std::optional<std::optional<Code>> expected;
  std::optional<std::optional<Code>> got;
};
using ExchangePtr = std::shared_ptr<Exchange>;

/// One device's commands: the simplest machine that follows the rules, to compare the service with.
class Model {
 public:
  struct Step {
    Form after;
    bool is_told = false;
    /// Who is answered by its commit, and with what.
    std::vector<std::pair<ExchangePtr, std::optional<Code>>> answers{};
  };
  struct Thing {
    std::int64_t expires_at = 0;
    std::optional<Form> committed;
    std::deque<Step> steps;
    std::int64_t deliveries = 0, sent_attempt = 0, sent_session = 0;
    bool is_gone = false;

    const Form& admitted() const { return steps.empty() ? *committed : steps.back().after; }
    bool is_in_memory() const {
      return !is_gone && (!steps.empty() || !is_final(committed->state));
    }
  };

  void send(const std::string& id, std::int64_t timeout, bool is_refused,
            const ExchangePtr& answer) {
    Thing& thing = things[id];
    thing.expires_at = now + timeout;
    const State state = is_refused ? State::kFailed : State::kPending;
    thing.steps.push_back({{.state = state}, true, {{answer, std::nullopt}}});
  }

  /// `what`: accept, cancel, or the result that a device gives.
  void request(const std::string& id, const std::string& what, const ExchangePtr& answer) {
    Thing& thing = things.at(id);
    catch_up(thing);
    Form after = thing.admitted();
    if (is_final(after.state)) {
      const bool is_result = what != "accept" && what != "cancel";
      const bool is_beside = after.state == State::kExpired || after.state == State::kCancelled;
      std::string& known = is_beside ? after.late_result : after.result;
      if (!is_result || (!known.empty() && known != what) || (!is_beside && known.empty())) {
        return behind(thing, answer, Code::kConflict);
      }
      if (known == what) return behind(thing, answer, std::nullopt);
      known = what;
    } else if (what == "accept") {
      if (after.state == State::kAccepted) return behind(thing, answer, std::nullopt);
      after.state = State::kAccepted;
    } else if (what == "cancel") {
      after.state = State::kCancelled;
    } else {
      after.state = State::kExecuted;
      after.result = what;
    }
    thing.steps.push_back({after, true, {{answer, std::nullopt}}});
  }

  void written(const std::string& id) {
    Thing& thing = things.at(id);
    thing.deliveries = std::max(thing.deliveries, thing.sent_attempt);
  }
  void fire() {
    for (auto& [id, thing] : things) {
      if (thing.is_in_memory()) catch_up(thing);
    }
  }
  void connect() {
    is_connected_ = true;
    ++session_;
    for (auto& [id, thing] : things) deliver(id, thing);
  }
  void disconnect() { is_connected_ = false; }

  void commit(const std::string& id) {
    Thing& thing = things.at(id);
    const Step step = thing.steps.front();
    thing.steps.pop_front();
    thing.committed = step.after;
    if (step.is_told) told.push_back(id + std::string(name_of(step.after.state)));
    for (const auto& [answer, code] : step.answers) answer->expected = code;
    deliver(id, thing);
  }
  void fail_all() {
    for (auto& [id, thing] : things) {
      const bool is_touched = !thing.steps.empty();
      for (const Step& step : thing.steps) {
        for (const auto& [answer, code] : step.answers) answer->expected = Code::kOverloaded;
      }
      thing.steps.clear();
      if (!thing.committed) thing.is_gone = true;
      if (is_touched) deliver(id, thing);
    }
  }
  void crash() {
    is_connected_ = false;
    for (auto& [id, thing] : things) {
      thing.steps.clear();
      thing.sent_session = thing.sent_attempt = 0;
      if (!thing.committed) thing.is_gone = true;
      if (thing.committed) thing.deliveries = thing.committed->attempt;
    }
  }
  std::size_t unfinished() const {
    std::size_t count = 0;
    for (const auto& [id, thing] : things) count += is_unfinished(thing) ? 1 : 0;
    return count;
  }

  std::map<std::string, Thing> things;
  std::vector<std::string> told;
  /// `<id> <attempt>`
  std::vector<std::string> deliveries;
  std::int64_t now = 0;

 private:
  static bool is_unfinished(const Thing& thing) {
    return thing.is_in_memory() && !is_final(thing.admitted().state);
  }
  void behind(Thing& thing, const ExchangePtr& answer, std::optional<Code> code) {
    if (thing.steps.empty()) {
      answer->expected = code;
    } else {
      thing.steps.back().answers.emplace_back(answer, code);
    }
  }
  void record_delivery(Thing& thing) {
    if (!is_unfinished(thing) || thing.deliveries <= thing.admitted().attempt) return;
    Form after = thing.admitted();
    const bool is_first = after.state == State::kPending;
    if (is_first) after.state = State::kDelivered;
    after.attempt = thing.deliveries;
    thing.steps.push_back({after, is_first});
  }
  void catch_up(Thing& thing) {
    record_delivery(thing);
    if (!is_unfinished(thing) || now < thing.expires_at) return;
    Form after = thing.admitted();
    after.state = State::kExpired;
    thing.steps.push_back({after, true});
  }
  void deliver(const std::string& id, Thing& thing) {
    if (!is_connected_ || !is_unfinished(thing) || !thing.committed) return;
    if (thing.sent_session == session_ || now >= thing.expires_at) return;
    thing.sent_session = session_;
    thing.sent_attempt = thing.deliveries + 1;
    deliveries.push_back(id + " " + std::to_string(thing.sent_attempt));
  }

  bool is_connected_ = false;
  std::int64_t session_ = 0;
};

}  // namespace fairlead::commands::testing
