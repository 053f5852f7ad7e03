#include "peers.h"

#include <algorithm>
#include <utility>

namespace fairlead::simulation {

using support::arr;
using support::Json;
using support::obj;

Peer::Peer(std::string name, std::string token)
    : name_(std::move(name)), token_(std::move(token)) {}

std::shared_ptr<Wire> Peer::connect() {
  wire_ = std::make_shared<Wire>();
  send(obj("type", "auth", "token", token_));
  return wire_;
}

void Peer::vanish() {
  if (!wire_) return;
  wire_->is_peer_gone = true;
  forget_wire();
}

void Peer::abandon() {
  if (!wire_) return;
  wire_->is_peer_silent = true;
  forget_wire();
}

void Peer::leave(std::uint16_t code, std::string reason) {
  if (!wire_) return;
  wire_->closed_by_peer.emplace(code, std::move(reason));
  vanish();
}

void Peer::forget_wire() {
  wire_.reset();
  is_welcome_ = false;
  connection_.clear();
  lost();
}

void Peer::send(const Json& message) { wire_->to_hub.push_back(message.dump()); }

void Peer::broken(const std::string& what, const Json& message) const {
  throw Broken(name_ + ": " + what + ": " + message.dump());
}

bool Peer::read_one() {
  if (!wire_) return false;
  if (!wire_->to_peer.empty()) {
    const Json message = Json::parse(wire_->to_peer.front());
    wire_->to_peer.pop_front();
    if (message["type"] == "welcome") {
      if (is_welcome_) broken("a second welcome", message);
      is_welcome_ = true;
      connection_ = message["connection"].as_string();
      connections_.push_back(connection_);
      welcomed(message);
    } else if (!is_welcome_ && message["type"] != "error") {
      broken("something before the welcome", message);
    } else {
      received(message);
    }
    return true;
  }
  if (!wire_->closed_by_hub && !wire_->is_cut) return false;
  vanish();
  return true;
}

// ---- devices -----------------------------------------------------------------------------------

void SimDevice::welcomed(const Json& welcome) {
  const std::int64_t stored = welcome["telemetry"]["last_seq"].as_int();
  if (stored < last_acked_) broken("acked samples were forgotten", welcome);
  if (stored > last_seq_) broken("samples that were never sent", welcome);
  last_acked_ = stored;
  std::erase_if(unacked_, [stored](std::int64_t seq) { return seq <= stored; });
  // What was not acked is sent again, sometimes with some that were: those count as duplicates.
  if (!unacked_.empty()) send_from(*unacked_.begin(), unacked_.size());
}

void SimDevice::send_from(std::int64_t seq, std::size_t most) {
  Json::Array samples;
  std::int64_t last = 0;
  for (; samples.size() < most && seq <= last_seq_; ++seq) {
    samples.push_back(obj("seq", seq, "metrics", obj("value", seq)));
    last = seq;
  }
  const std::int64_t id = ++next_id_;
  asked_.emplace_back(id, last);
  if (samples.size() == 1) {
    send(samples.front().with("type", "telemetry").with("epoch", "e1").with("id", id));
  } else {
    send(obj("type", "telemetry.batch", "epoch", "e1", "id", id, "samples", Json(samples)));
  }
}

void SimDevice::act(Random& random, const support::HandClock&) {
  if (!is_welcome()) return;
  if (random.below(8) == 0) {
    const std::int64_t id = ++next_id_;
    asked_.emplace_back(id, 0);
    send(obj("type", "device.status", "id", id, "status", random.below(2) ? "ok" : "warning"));
    return;
  }
  if (!is_producing_) {
    // What an error left unacked goes again.
    if (asked_.empty() && !unacked_.empty()) send_from(*unacked_.begin(), unacked_.size());
    return;
  }
  // Numbers rise; a failed piece is sent again before anything new, or it would be lost for good.
  if (asked_.empty() && !unacked_.empty()) {
    send_from(*unacked_.begin(), unacked_.size());
    return;
  }
  const std::size_t count = 1 + random.below(4);
  const std::int64_t first = last_seq_ + 1;
  for (std::size_t i = 0; i < count; ++i) unacked_.insert(++last_seq_);
  send_from(first, count);
}

void SimDevice::received(const Json& message) {
  const Json& type = message["type"];
  if (type == "command") {
    obey(message);
    return;
  }
  if (type != "ack" && type != "error") return;
  if (!message["id"].exists()) return;
  if (asked_.empty() || message["id"] != Json(asked_.front().first)) {
    broken("an answer out of order", message);
  }
  const std::int64_t last = asked_.front().second;
  asked_.pop_front();
  if (last == 0) return;
  if (type == "error") {
    if (message["code"] != "overloaded") broken("refused", message);
    return;
  }
  if (message["last_seq"].as_int() < last) broken("last_seq is below what was acked", message);
  last_acked_ = std::max(last_acked_, last);
  std::erase_if(unacked_, [last](std::int64_t seq) { return seq <= last; });
}

void SimDevice::obey(const Json& command) {
  const std::string& id = command["command"].as_string();
  const bool is_known = !obeyed_.insert(id).second;
  if (is_known && command["attempt"].as_int() < 1) broken("attempt did not rise", command);
  const std::int64_t request = ++next_id_;
  asked_.emplace_back(request, 0);
  send(obj("type", "command.result", "id", request, "command", id, "status", "executed", "result",
           obj("done", true)));
}

// ---- clients -----------------------------------------------------------------------------------

void SimClient::welcomed(const Json&) {
  Json::Object after;
  for (const auto& [device, offset] : seen_) after.emplace_back(device, Json(offset));
  const std::int64_t id = ++next_id_;
  asked_.insert(id);
  send(obj("type", "subscribe", "id", id, "devices", arr("*"), "after", Json(after)));
}

void SimClient::lost() {
  is_subscribed_ = false;
  asked_.clear();
}

void SimClient::act(Random& random, const support::HandClock&) {
  if (!is_subscribed_ || !is_commanding_ || random.below(6) != 0) return;
  const std::int64_t id = ++next_id_;
  asked_.insert(id);
  send(obj("type", "command.send", "id", id, "device", devices_[random.below(devices_.size())],
           "name", "blink", "delivery", "queue", "timeout_ms", 60'000));
}

void SimClient::received(const Json& message) {
  const Json& type = message["type"];
  if (type == "telemetry") {
    sample(message);
  } else if (type == "command.update") {
    command_updated(message);
  } else if (type == "presence") {
    presence_changed(message);
  } else if (type == "lag") {
    broken("nobody was slow", message);
  } else if (type == "ack") {
    if (asked_.erase(message["id"].as_int()) == 0) broken("an answer without a request", message);
    if (message["subscription"].exists()) subscribed(message);
  } else if (type == "error" && message["id"].exists()) {
    if (asked_.erase(message["id"].as_int()) == 0) broken("an answer without a request", message);
  }
}

void SimClient::subscribed(const Json& ack) {
  is_subscribed_ = true;
  for (const Json& device : ack["devices"].items()) {
    const std::string& id = device["id"].as_string();
    const std::int64_t offset = device["offset"].as_int();
    const auto [known, is_new] = seen_.try_emplace(id, offset);
    if (!is_new && offset < known->second) broken("the snapshot is older than what was seen", ack);
    presence_[id] = {.session = 0, .is_connected = device["connected"].as_bool(), .reason = ""};
  }
}

void SimClient::sample(const Json& message) {
  if (!is_subscribed_) broken("an event before the ack of the subscription", message);
  const std::string& device = message["device"].as_string();
  const std::int64_t offset = message["offset"].as_int();
  std::int64_t& last = seen_[device];
  if (offset != last + 1) {
    broken("offset " + std::to_string(last + 1) + " was due", message);
  }
  last = offset;
  samples_[device].emplace(offset, message["metrics"].dump());
}

void SimClient::command_updated(const Json& message) {
  static const std::map<std::string, int> ranks = {
      {"pending", 0}, {"delivered", 1}, {"accepted", 2}, {"executed", 3},
      {"failed", 3},  {"expired", 3},   {"cancelled", 3}};
  const std::string& status = message["status"].as_string();
  auto& known = commands_[message["command"].as_string()];
  if (!known.empty() && ranks.at(status) < ranks.at(known)) {
    broken("a command went back from " + known, message);
  }
  if (!known.empty() && ranks.at(known) == 3 && status != known) {
    broken("a final state changed from " + known, message);
  }
  known = status;
}

void SimClient::presence_changed(const Json& message) {
  if (!is_subscribed_) broken("an event before the ack of the subscription", message);
  Presence& known = presence_[message["device"].as_string()];
  const std::int64_t session = message["session"].as_int();
  const bool is_connected = message["connected"].as_bool();
  // A connect and an end take turns; takeovers between them are not told, but count.
  if (is_connected == known.is_connected) broken("nothing has changed", message);
  if (is_connected ? session <= known.session : session < known.session) {
    broken("an older session after " + std::to_string(known.session), message);
  }
  if (message["reason"].is_null() != is_connected) broken("a reason is for an end", message);
  known = {.session = session,
           .is_connected = is_connected,
           .reason = is_connected ? "" : message["reason"].as_string()};
}

}  // namespace fairlead::simulation
