#include "app/shard_thread.h"

#include <pthread.h>

#include <string>
#include <utility>

namespace fairlead::app {

ShardThread::ShardThread(std::size_t index, const Shared& shared, devices::KeySeries keys,
                         std::unique_ptr<net::Sender> sender)
    : mail_(shared.mail),
      reactor_(shared.clock, shared.net, std::move(sender)),
      repositories_(shared.store.attach(
          [this](std::move_only_function<void()> letter) { reactor_.post(std::move(letter)); })),
      verifier_(shared.keys, shared.tokens, reactor_.clock()),
      slow_checks_(shared.verifiers, reactor_),
      shard_(index, shared.settings,
             hub::Ports{.clock = reactor_.clock(),
                        .random = random_,
                        .peers = shared.mail,
                        .backpressure = shared.backpressure,
                        .host = reactor_,
                        .verifier = verifier_,
                        .telemetry = *repositories_,
                        .devices = *repositories_,
                        .commands = *repositories_,
                        .fleets = *repositories_,
                        .logs = *repositories_,
                        .revocations = *repositories_,
                        .keys = &shared.key_source,
                        .failures = shared.failures,
                        .slow_checks = &slow_checks_},
             keys) {
  shared.mail.enter(index, reactor_, shard_);
  reactor_.set_turn(
      [this] {
        shard_.fire_timers();
        shard_.end_turn();
        is_drained_.store(shard_.is_drained() && has_answered(), std::memory_order_release);
      },
      [this] { return shard_.next_due_ms(); });
}

ShardThread::~ShardThread() {
  stop();
  mail_.leave(shard_.index());
}

void ShardThread::start() {
  thread_ = std::thread([this] { reactor_.run(); });
  const std::string name = "shard-" + std::to_string(shard_.index());
  pthread_setname_np(thread_.native_handle(), name.c_str());
}

void ShardThread::drain(std::int64_t give_up_steady_ms) {
  reactor_.post([this, give_up_steady_ms] {
    give_up_steady_ms_ = give_up_steady_ms;
    reactor_.drain();
    shard_.drain(give_up_steady_ms);
  });
}

bool ShardThread::has_answered() const {
  return !reactor_.owes_answers() || reactor_.now_ms() >= give_up_steady_ms_;
}

void ShardThread::stop() {
  if (!thread_.joinable()) return;
  reactor_.stop();
  thread_.join();
}

}  // namespace fairlead::app
