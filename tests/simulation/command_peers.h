#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "command_ledger.h"
#include "peers.h"

namespace fairlead::simulation {

/// A device that accepts, answers, repeats itself, forgets, and remembers commands from connection
/// to connection. What it is acked for must be stored.
class Obeyer final : public Peer {
 public:
  Obeyer(std::string id, std::string token, const store::memory::Backend& disk)
      : Peer(std::move(id), std::move(token)), disk_(disk) {}

  void act(Random& random, const support::HandClock& clock) override;
  bool is_settled() const override { return is_welcome() && asked_.empty(); }
  /// A hub that dies may forget deliveries that it has not written down: once what it said has been
  /// read, numbers begin anew.
  void hub_died();
  /// A command whose end could not be stored comes back behind those that were sent meanwhile.
  void store_failed() { is_order_loose_ = true; }

 private:
  void welcomed(const support::Json& welcome) override;
  void received(const support::Json& message) override;
  void lost() override;
  void answered(const support::Json& message);
  void delivered(const support::Json& message);

  struct Asked {
    std::string type;
    std::string command;
  };

  const store::memory::Backend& disk_;
  std::vector<std::string> known_;
  /// Of this connection.
  std::set<std::string> delivered_;
  std::int64_t last_issued_at_ = 0;
  bool is_order_loose_ = false;
  std::map<std::string, std::int64_t> attempts_;
  bool is_hub_dead_ = false;
  std::map<std::int64_t, Asked> asked_;
  std::int64_t last_id_ = 0;
};

/// A client that sends, cancels, reads and watches commands, and compares what it is told with what
/// is stored: each change once, in order, after it was stored.
class Commander final : public Peer {
 public:
  struct Ways {
    bool sends = false;
    bool subscribes = false;
  };

  Commander(std::string name, std::string token, Ways ways, std::vector<std::string> devices,
            const CommandLedger& ledger, const store::memory::Backend& disk)
      : Peer(std::move(name), std::move(token)),
        ways_(ways),
        devices_(std::move(devices)),
        ledger_(ledger),
        disk_(disk) {}

  void act(Random& random, const support::HandClock& clock) override;
  bool is_settled() const override { return is_welcome() && asked_.empty(); }
  void stop() { is_sending_ = false; }
  /// Nothing is on its way any more: what should have been told was.
  void check_all_told() const;

 private:
  struct Asked {
    std::string type;
    std::string command;
  };

  void welcomed(const support::Json& welcome) override;
  void received(const support::Json& message) override;
  void lost() override;
  void answered(const support::Json& message);
  void told(const support::Json& update);
  void ask(const std::string& type, support::Json message, std::string command = {});
  std::string any_command(Random& random) const;
  void act_on_fleets(Random& random);

  const Ways ways_;
  const std::vector<std::string> devices_;
  const CommandLedger& ledger_;
  const store::memory::Backend& disk_;
  bool is_sending_ = true;
  std::int64_t last_id_ = 0;
  // Of this connection:
  std::map<std::int64_t, Asked> asked_;
  bool is_subscribed_ = false;
  /// How much of each command was stored when the ack of the subscription was read.
  std::map<std::string, std::size_t> stored_before_;
  std::set<std::string> sent_;
  /// How far each command was told: the next change is that of the ledger.
  std::map<std::string, std::size_t> next_;
};

}  // namespace fairlead::simulation
