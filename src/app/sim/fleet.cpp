#include "app/sim/fleet.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/sim/curve.h"
#include "app/sim/profile.h"
#include "auth/mint.h"
#include "base/random.h"

namespace fairlead::app::sim {
namespace {

constexpr std::int64_t kTokenLifeMs = 3'600'000;
/// Between the first connections of two devices: a fleet does not come in one blow.
constexpr std::int64_t kStaggerUs = 2'000;
constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;

}  // namespace

Fleet::Fleet(const Options& options, Parts parts)
    : options_(options),
      parts_(std::move(parts)),
      // A fleet that starts anew has forgotten its counters.
      epoch_(fmt::format("sim-{}-{}", options.seed, moment_now().wall_ms)) {
  const Moment start = moment_now();
  berths_.reserve(options_.devices);
  due_of_.assign(options_.devices, kNever);
  for (std::size_t number = 0; number < options_.devices; ++number) {
    const std::string id = fmt::format("{}{}", options_.prefix, number + 1);
    berths_.push_back(
        std::make_unique<Berth>(Berth::Way{.reactor = parts_.reactor,
                                           .url = parts_.url,
                                           .tls = parts_.tls.get(),
                                           .mint = [this, id] { return mint_token(id); },
                                           .stirred = [this, number] { reschedule(number); }}));
    berths_.back()->set_device(make_device(number, *berths_.back(), start));
  }
}

std::unique_ptr<Device> Fleet::make_device(std::size_t number, Berth& berth, const Moment& start) {
  const std::uint64_t seed = (options_.seed + 1) * kGolden + number;
  SeededRandom random(seed);
  DeviceSettings settings{
      .id = fmt::format("{}{}", options_.prefix, number + 1),
      .epoch = epoch_,
      .capabilities = {},
      .window = options_.window,
      .vanish_every_us = static_cast<std::int64_t>(options_.vanish_every_s * 1e6)};
  std::unique_ptr<Source> source;
  if (parts_.recording != nullptr) {
    settings.profile = &recorder();
    settings.capabilities = capabilities_of(recorder(), parts_.recording->metrics_json);
    source = std::make_unique<ReplaySource>(parts_.recording, options_.speed, start);
  } else {
    settings.profile = &profiles()[number % profiles().size()];
    settings.capabilities = capabilities_of(*settings.profile);
    source = std::make_unique<CurveSource>(*settings.profile, options_.rate, random, start);
  }
  return std::make_unique<Device>(
      std::move(settings), std::move(source), random.next(),
      Device::Surroundings{
          .line = berth, .reader = reader_, .tally = tally_, .findings = parts_.findings});
}

std::string Fleet::mint_token(const std::string& device) const {
  const std::int64_t now_ms = moment_now().wall_ms;
  return auth::mint_hs256(parts_.secret, {.sub = device,
                                          .kind = "device",
                                          .tenant = options_.tenant,
                                          .expires_at_ms = now_ms + kTokenLifeMs,
                                          .issued_at_ms = now_ms});
}

void Fleet::start() {
  const std::int64_t now_us = moment_now().steady_us;
  for (std::size_t number = 0; number < berths_.size(); ++number) {
    berths_[number]->device().start(now_us + static_cast<std::int64_t>(number) * kStaggerUs);
    reschedule(number);
  }
}

void Fleet::finish() {
  for (std::size_t number = 0; number < berths_.size(); ++number) {
    berths_[number]->device().finish(moment_now());
    reschedule(number);
  }
}

void Fleet::give_up() {
  for (std::size_t number = 0; number < berths_.size(); ++number) {
    berths_[number]->device().give_up(moment_now());
    reschedule(number);
  }
}

bool Fleet::has_delivered_all() const {
  return parts_.recording != nullptr && std::ranges::all_of(berths_, [](const auto& berth) {
           return berth->device().has_delivered_all();
         });
}

std::size_t Fleet::unacked() const {
  std::size_t count = 0;
  for (const auto& berth : berths_) count += berth->device().unacked();
  return count;
}

std::string Fleet::last_refusal() const {
  for (const auto& berth : berths_) {
    if (!berth->last_refusal().empty()) return berth->last_refusal();
  }
  return {};
}

void Fleet::reschedule(std::size_t number) {
  const std::int64_t due_us = berths_[number]->device().due_us();
  if (due_us == due_of_[number]) return;
  due_.erase({due_of_[number], number});
  due_of_[number] = due_us;
  if (due_us != kNever) due_.insert({due_us, number});
  arm();
}

void Fleet::arm() {
  if (due_.empty()) return;
  // Rounded up, so that what is due is due when the timer runs.
  const std::int64_t wanted_ms = due_.begin()->first / 1000 + 1;
  if (armed_ms_ != 0 && armed_ms_ <= wanted_ms) return;
  if (armed_ms_ != 0) parts_.reactor.cancel(timer_);
  armed_ms_ = wanted_ms;
  const std::int64_t delay_ms =
      std::max<std::int64_t>(wanted_ms - moment_now().steady_us / 1000, 0);
  timer_ = parts_.reactor.call_after(delay_ms, [this] {
    armed_ms_ = 0;
    tick_due();
    arm();
  });
}

void Fleet::tick_due() {
  const std::int64_t until_us = moment_now().steady_us;
  // Each at most once: one that is due again at once waits for the next turn.
  std::vector<std::size_t> due;
  for (const auto& [due_us, number] : due_) {
    if (due_us > until_us) break;
    due.push_back(number);
  }
  for (const std::size_t number : due) {
    berths_[number]->device().tick(moment_now());
    reschedule(number);
  }
}

}  // namespace fairlead::app::sim
