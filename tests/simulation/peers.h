#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/random.h"
#include "support/hand_clock.h"
#include "support/json.h"
#include "wire.h"

namespace fairlead::simulation {

/// The hub broke a promise.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One end of a wire that says who it is in its first message, comes back when it is cut off, and
/// holds the hub to its word.
class Peer {
 public:
  Peer(std::string name, std::string token);
  virtual ~Peer() = default;

  bool is_connected() const { return wire_ != nullptr; }
  /// A new wire; the caller gives its other end to a hub.
  std::shared_ptr<Wire> connect();
  /// Goes without a word: the hub's end is reset.
  void vanish();
  /// Goes without a trace: the hub's end stays as it is.
  void abandon();
  /// Goes with a close frame.
  void leave(std::uint16_t code, std::string reason);
  /// Of the connection that it has, once that is welcome.
  const std::string& connection() const { return connection_; }
  /// Of all connections that were welcome.
  const std::vector<std::string>& connections() const { return connections_; }
  /// Reads one message or the end. False: nothing to read.
  bool read_one();
  /// Says something of its own accord.
  virtual void act(Random& random, const support::HandClock& clock) = 0;
  /// Owes nothing and is owed nothing.
  virtual bool is_settled() const = 0;
  const std::string& name() const { return name_; }

 protected:
  virtual void welcomed(const support::Json& welcome) = 0;
  virtual void received(const support::Json& message) = 0;
  virtual void lost() = 0;
  void send(const support::Json& message);
  bool is_welcome() const { return is_welcome_; }
  [[noreturn]] void broken(const std::string& what, const support::Json& message) const;

 private:
  const std::string name_;
  const std::string token_;
  void forget_wire();

  std::shared_ptr<Wire> wire_;
  std::string connection_;
  std::vector<std::string> connections_;
  bool is_welcome_ = false;
};

/// Sends numbered samples, sends again what was not acked, obeys commands once each.
class SimDevice final : public Peer {
 public:
  SimDevice(std::string id, std::string token) : Peer(std::move(id), std::move(token)) {}

  void act(Random& random, const support::HandClock& clock) override;
  bool is_settled() const override { return is_welcome() && unacked_.empty() && asked_.empty(); }

  std::int64_t last_acked() const { return last_acked_; }
  std::int64_t last_sent() const { return last_seq_; }
  void stop_producing() { is_producing_ = false; }

 private:
  void welcomed(const support::Json& welcome) override;
  void received(const support::Json& message) override;
  void lost() override { asked_.clear(); }
  void send_from(std::int64_t seq, std::size_t most);
  void obey(const support::Json& command);

  std::int64_t last_seq_ = 0;
  std::int64_t last_acked_ = 0;
  std::set<std::int64_t> unacked_;
  /// Requests of this connection in order: the highest seq of each, 0 for none.
  std::deque<std::pair<std::int64_t, std::int64_t>> asked_;
  std::int64_t next_id_ = 0;
  std::set<std::string> obeyed_;
  bool is_producing_ = true;
};

/// Watches every device: sees each stored sample once, whatever happens in between. Sends commands
/// and follows what becomes of them.
class SimClient final : public Peer {
 public:
  SimClient(std::string name, std::string token, std::vector<std::string> devices)
      : Peer(std::move(name), std::move(token)), devices_(std::move(devices)) {}

  void act(Random& random, const support::HandClock& clock) override;
  bool is_settled() const override { return is_welcome() && is_subscribed_ && asked_.empty(); }

  /// Last offset seen of each device, from the first known one on without a gap.
  const std::map<std::string, std::int64_t>& seen() const { return seen_; }
  const std::map<std::string, std::map<std::int64_t, std::string>>& samples() const {
    return samples_;
  }
  const std::map<std::string, std::string>& commands() const { return commands_; }
  /// What its events of presence and its snapshots come to.
  struct Presence {
    std::int64_t session = 0;
    bool is_connected = false;
    /// Of the last end that was told since it subscribed.
    std::string reason;
  };
  const std::map<std::string, Presence>& presence() const { return presence_; }
  void stop_commanding() { is_commanding_ = false; }

 private:
  void welcomed(const support::Json& welcome) override;
  void received(const support::Json& message) override;
  void lost() override;
  void subscribed(const support::Json& ack);
  void sample(const support::Json& message);
  void command_updated(const support::Json& message);
  void presence_changed(const support::Json& message);

  const std::vector<std::string> devices_;
  std::map<std::string, std::int64_t> seen_;
  std::map<std::string, std::map<std::int64_t, std::string>> samples_;
  std::map<std::string, std::string> commands_;
  std::map<std::string, Presence> presence_;
  std::set<std::int64_t> asked_;
  std::int64_t next_id_ = 0;
  bool is_subscribed_ = false;
  bool is_commanding_ = true;
};

}  // namespace fairlead::simulation
