#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/sim/berth.h"
#include "app/sim/hub_message.h"
#include "app/sim/options.h"
#include "app/sim/recording.h"
#include "app/sim/tally.h"
#include "net/reactor.h"

namespace fairlead::app::sim {

/// All devices of a run, on one reactor: gives them lines, time and an end. Everything happens on
/// the reactor's thread.
class Fleet {
 public:
  struct Parts {
    net::Reactor& reactor;
    Findings& findings;
    Url url;
    /// Null in clear.
    std::shared_ptr<const net::TlsContext> tls;
    /// What tokens are minted from.
    std::string secret;
    /// Null: curves.
    std::shared_ptr<const Recording> recording;
  };
  Fleet(const Options& options, Parts parts);

  /// The devices connect, one after the other.
  void start();
  /// No more readings; each device closes when it is owed nothing.
  void finish();
  /// The time for that is up.
  void give_up();

  /// No device will connect any more.
  bool is_over() const { return tally_.stopped == berths_.size(); }
  /// Every row of the recording is stored, for every device; never without a recording.
  bool has_delivered_all() const;
  std::size_t unacked() const;
  Tally& tally() { return tally_; }
  std::size_t size() const { return berths_.size(); }
  /// What a handshake that failed met; empty when none did.
  std::string last_refusal() const;

 private:
  std::unique_ptr<Device> make_device(std::size_t number, Berth& berth, const Moment& start);
  std::string mint_token(const std::string& device) const;
  /// A device may be due at another time than it was.
  void reschedule(std::size_t number);
  void arm();
  void tick_due();

  const Options options_;
  const Parts parts_;
  const std::string epoch_;
  Tally tally_;
  HubMessageReader reader_;
  std::vector<std::unique_ptr<Berth>> berths_;
  /// Devices by when they are due, us; and the same by number.
  std::set<std::pair<std::int64_t, std::size_t>> due_;
  std::vector<std::int64_t> due_of_;
  std::int64_t armed_ms_ = 0;
  net::TimerQueue::Id timer_{};
};

}  // namespace fairlead::app::sim
