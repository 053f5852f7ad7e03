#include "app/sim/run.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "app/sim/dial.h"
#include "app/sim/fleet.h"
#include "app/sim/recording.h"
#include "app/sim/status.h"
#include "auth/secret_file.h"
#include "base/clock.h"
#include "net/reactor.h"
#include "protocol/names.h"

namespace fairlead::app::sim {
namespace {

constexpr std::int64_t kConnectMs = 10'000;
constexpr std::int64_t kFinishMs = 10'000;

Result<void> check(const Options& options) {
  const auto is_in = [](auto value, auto least, auto most) {
    return value >= least && value <= most;
  };
  if (!is_in(options.devices, std::size_t{1}, std::size_t{100'000})) {
    return fail(Code::kInvalid, "--devices {}: from 1 to 100000", options.devices);
  }
  if (!(options.rate > 0 && options.rate <= 10'000)) {
    return fail(Code::kInvalid, "--rate {}: above 0, at most 10000", options.rate);
  }
  if (!is_in(options.window, std::size_t{1}, std::size_t{1000})) {
    return fail(Code::kInvalid, "--window {}: from 1 to 1000", options.window);
  }
  for (const auto& [name, value] : {std::pair{"--duration", options.duration_s},
                                    {"--speed", options.speed},
                                    {"--vanish-every", options.vanish_every_s}}) {
    if (!is_in(value, 0.0, 1e9)) return fail(Code::kInvalid, "{} {}: from 0 to 1e9", name, value);
  }
  const std::string longest = fmt::format("{}{}", options.prefix, options.devices);
  if (!protocol::is_device_id(longest)) {
    return fail(Code::kInvalid, "--prefix {}: {} is no device id", options.prefix, longest);
  }
  if (!protocol::is_tenant(options.tenant)) {
    return fail(Code::kInvalid, "--tenant {}: is no tenant", options.tenant);
  }
  return {};
}

/// A socket for each device.
void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// One run, from the first connection to the summary.
class Run {
 public:
  Run(const Options& options, Fleet::Parts parts, Printer& printer)
      : options_(options),
        reactor_(parts.reactor),
        printer_(printer),
        fleet_(options, std::move(parts)),
        signals_(reactor_.context(), SIGINT, SIGTERM) {}

  int play() {
    begin_ms_ = now_ms();
    listen_for_signals();
    reactor_.call_every(100, [this] { return watch(); });
    reactor_.call_every(1000, [this] {
      print_status();
      return true;
    });
    fleet_.start();
    reactor_.run();
    return conclude();
  }

 private:
  static std::int64_t now_ms() { return moment_now().steady_us / 1000; }
  std::int64_t elapsed_ms() const { return now_ms() - begin_ms_; }

  void listen_for_signals() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      was_asked_to_stop_ = true;
      if (finishing_since_ms_) {
        reactor_.stop();
        return;
      }
      finish();
      listen_for_signals();
    });
  }

  void finish() {
    if (finishing_since_ms_) return;
    finishing_since_ms_ = now_ms();
    fleet_.finish();
  }

  /// Whether to go on watching.
  bool watch() {
    const bool is_time_up =
        options_.duration_s > 0 && static_cast<double>(elapsed_ms()) >= options_.duration_s * 1000;
    if (is_time_up || fleet_.has_delivered_all()) finish();
    const bool is_hopeless = finishing_since_ms_ || elapsed_ms() >= kConnectMs;
    if (fleet_.tally().welcomes == 0 && is_hopeless) fleet_.give_up();
    if (finishing_since_ms_ && now_ms() - *finishing_since_ms_ >= kFinishMs) fleet_.give_up();
    if (!fleet_.is_over()) return true;
    reactor_.stop();
    return false;
  }

  void print_status() {
    printer_.status(status_line(fleet_.tally(), fleet_.size(), elapsed_ms() / 1000));
    fleet_.tally().latency_now.clear();
  }

  int conclude() {
    print_status();
    const std::size_t unacked = fleet_.unacked();
    printer_.text(summary(fleet_.tally(), fleet_.size(), unacked, printer_.violations()));
    if (printer_.violations() > 0) return kExitViolations;
    if (was_asked_to_stop_) return kExitGood;
    if (fleet_.tally().welcomes == 0) {
      fmt::print(stderr, "fairlead sim: no device could connect to {}: {}\n", options_.url,
                 fleet_.last_refusal());
      return kExitFailed;
    }
    if (!options_.csv.empty() && options_.duration_s <= 0 && !fleet_.has_delivered_all()) {
      fmt::print(stderr, "fairlead sim: not every row of {} was stored\n", options_.csv);
      return kExitFailed;
    }
    return kExitGood;
  }

  const Options& options_;
  net::Reactor& reactor_;
  Printer& printer_;
  Fleet fleet_;
  boost::asio::signal_set signals_;
  std::int64_t begin_ms_ = 0;
  std::optional<std::int64_t> finishing_since_ms_;
  bool was_asked_to_stop_ = false;
};

int refuse(const Error& error) {
  fmt::print(stderr, "fairlead sim: {}\n", error.message);
  return kExitFailed;
}

}  // namespace

int run(const Options& options) {
  if (const auto good = check(options); !good) return refuse(good.error());
  const auto url = Url::parse(options.url);
  if (!url) return refuse(url.error());
  std::shared_ptr<const net::TlsContext> tls;
  if (url->is_tls) {
    auto context = net::TlsContext::for_client(options.ca, !options.is_insecure);
    if (!context) return refuse(context.error());
    tls = std::move(*context);
  }
  auto secret = auth::read_secret_file(options.jwt_secret_file);
  if (!secret) return refuse(secret.error());
  std::shared_ptr<const Recording> recording;
  if (!options.csv.empty()) {
    auto loaded = load_recording(options.csv);
    if (!loaded) return refuse(loaded.error());
    fmt::print("{}: {} readings, {} empty rows left out\n", options.csv, loaded->readings.size(),
               loaded->empty_rows);
    recording = std::make_shared<const Recording>(*std::move(loaded));
  }
  raise_descriptor_limit();
  const SystemClock clock;
  net::Reactor reactor(clock);
  Printer printer;
  Run playing(options,
              {.reactor = reactor,
               .findings = printer,
               .url = *url,
               .tls = std::move(tls),
               .secret = *std::move(secret),
               .recording = std::move(recording)},
              printer);
  return playing.play();
}

}  // namespace fairlead::app::sim
