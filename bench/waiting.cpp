// Times that a person waits: from device to subscriber under load, and for a command.
#include <fmt/format.h>

#include <charconv>
#include <string>

#include "bench/fleet.h"
#include "bench/rows.h"
#include "bench/series.h"
#include "bench/strangers.h"
#include "bench/window.h"

namespace fairlead::bench {
namespace {

constexpr std::size_t kDevices = 200;
constexpr double kSamplesPerSecond = 10'000;
constexpr double kMs = 1e6;
constexpr int kStrangersPerSecond = 200;

/// The number behind `key` in a message.
std::int64_t number_behind(std::string_view message, std::string_view key) {
  const std::size_t at = message.find(key);
  std::int64_t number = 0;
  if (at == std::string_view::npos) return number;
  const std::string_view rest = message.substr(at + key.size());
  std::from_chars(rest.data(), rest.data() + rest.size(), number);
  return number;
}

/// Waits for the first message of that type from `peer`; an error ends the waiting.
Result<std::string> await(Peers& peers, std::size_t wanted, std::string_view type,
                          std::string_view part = "") {
  std::string found;
  std::string problem;
  const auto done = peers.run(
      [&](std::size_t peer, std::string_view message) {
        if (has_type(message, "error")) problem = message.substr(0, 200);
        if (peer == wanted && has_type(message, type) && message.contains(part) && found.empty()) {
          found = message;
        }
      },
      [&] { return !found.empty() || !problem.empty(); }, 20, true);
  if (!problem.empty()) return fail(Code::kInternal, "the hub said {}", problem);
  if (!done) return std::unexpected(done.error());
  return found;
}

/// Peers 0 to 199 send at the rate, peer 200 listens to all; `strangers`, if any, knock meanwhile.
Result<Series> event_delays_ms(Peers& peers, double warm_up, double seconds, Strangers* strangers) {
  Series delays;
  std::string problem;
  const std::int64_t begin = now_ns();
  const auto measured_from = begin + static_cast<std::int64_t>(warm_up * 1e9);
  const auto end = measured_from + static_cast<std::int64_t>(seconds * 1e9);
  std::int64_t sent = 0;
  const auto send_due = [&] {
    const auto due =
        static_cast<std::int64_t>(static_cast<double>(now_ns() - begin) / 1e9 * kSamplesPerSecond);
    for (; sent < due; ++sent) {
      peers.send(static_cast<std::size_t>(sent) % kDevices,
                 fmt::format(R"({{"type":"telemetry","metrics":{{"sent_ns":{},)"
                             R"("temperature":63.72,"pressure":1.913,"flow":21.48}}}})",
                             now_ns()));
    }
    if (strangers != nullptr) {
      if (const auto stepped = strangers->step(); !stepped) problem = stepped.error().message;
    }
    return now_ns() > end || !problem.empty();
  };
  const auto done = peers.run(
      [&](std::size_t peer, std::string_view message) {
        if (has_type(message, "error") || has_type(message, "lag")) {
          problem = message.substr(0, 200);
        }
        if (peer != kDevices || !has_type(message, "telemetry")) return;
        const std::int64_t sent_ns = number_behind(message, "\"sent_ns\":");
        if (sent_ns < measured_from) return;
        delays.add(static_cast<double>(now_ns() - sent_ns) / kMs);
      },
      send_due, warm_up + seconds + 10, true, 1);
  if (!problem.empty()) return fail(Code::kInternal, "the hub said {}", problem);
  if (!done) return std::unexpected(done.error());
  if (delays.is_empty()) return fail(Code::kInternal, "no event arrived");
  return delays;
}

/// p50 of one message to the bare echo server and back, ms.
Result<double> echo_ms(Lab& lab, int rounds) {
  const auto floor = lab.start_floor("echo");
  if (!floor) return std::unexpected(floor.error());
  Peers peers;
  const auto peer = peers.connect((*floor)->port(), "/", "");
  if (!peer) return std::unexpected(peer.error());
  Series times;
  std::string message;
  for (int i = 0; i < rounds; ++i) {
    write_telemetry(message, i);
    const std::int64_t begin = now_ns();
    peers.send(0, message);
    const auto echoed = await(peers, 0, "telemetry");
    if (!echoed) return std::unexpected(echoed.error());
    times.add(static_cast<double>(now_ns() - begin) / kMs);
  }
  return times.median();
}

/// One command from client (peer 1) to device (peer 0) and its result back, ms.
Result<double> one_command_ms(Peers& peers, int number) {
  const std::int64_t begin = now_ns();
  peers.send(1, fmt::format(R"({{"type":"command.send","id":{},"device":"bench-0",)"
                            R"("name":"ping","params":{{"n":{}}}}})",
                            number, number));
  std::string problem;
  bool is_executed = false;
  const auto done = peers.run(
      [&](std::size_t peer, std::string_view message) {
        if (has_type(message, "error")) problem = message.substr(0, 200);
        if (peer == 0 && has_type(message, "command\"")) {
          const std::size_t at = message.find("\"command\":\"") + 11;
          const std::string_view id = message.substr(at, message.find('"', at) - at);
          peers.send(0, fmt::format(R"({{"type":"command.result","id":{},"command":"{}",)"
                                    R"("status":"executed","result":{{"n":{}}}}})",
                                    number, id, number));
        }
        is_executed = is_executed || (peer == 1 && has_type(message, "command.update") &&
                                      message.contains(R"("status":"executed")"));
      },
      [&] { return is_executed || !problem.empty(); }, 20, true);
  if (!problem.empty()) return fail(Code::kInternal, "the hub said {}", problem);
  if (!done) return std::unexpected(done.error());
  return static_cast<double>(now_ns() - begin) / kMs;
}

}  // namespace

namespace {

/// From devices to a subscriber, on a hub that was just started.
Result<double> delay_p99_ms(Lab& lab, const Child& hub, Strangers* strangers) {
  const double seconds = lab.choices().seconds;
  Peers peers;
  for (std::size_t i = 0; i < kDevices; ++i) {
    const auto peer =
        peers.connect(hub.port(), "/v1/ws", lab.device_token(fmt::format("bench-{}", i)));
    if (!peer) return std::unexpected(peer.error());
  }
  const auto listener = peers.connect(hub.port(), "/v1/ws", lab.client_token());
  if (!listener) return std::unexpected(listener.error());
  peers.send(*listener,
             R"({"type":"subscribe","id":1,"devices":["bench-*"],"events":["telemetry"]})");
  const auto subscribed = await(peers, *listener, "ack");
  if (!subscribed) return std::unexpected(subscribed.error());
  const Window window(lab, hub);
  const auto delays = event_delays_ms(peers, seconds / 3, seconds, strangers);
  if (!delays) return std::unexpected(delays.error());
  return delays->share(0.99);
}

}  // namespace

Result<Measured> measure_strangers(Lab& lab) {
  const auto key_file = lab.es384_key_file();
  if (!key_file) return std::unexpected(key_file.error());
  const auto p99_with = [&](const std::string& algorithm) -> Result<double> {
    const auto hub = lab.start_hub({"auth.public_key_files=" + *key_file + ":ES384",
                                    "auth.failures_per_minute=0", "log.level=error"});
    if (!hub) return std::unexpected(hub.error());
    Strangers strangers((*hub)->port(), "/v1/ws", algorithm, kStrangersPerSecond);
    const auto p99 = delay_p99_ms(lab, **hub, &strangers);
    if (p99 && strangers.answered() == 0) return fail(Code::kInternal, "no stranger was answered");
    return p99;
  };
  const auto slow = p99_with("ES384");
  if (!slow) return std::unexpected(slow.error());
  const auto quick = p99_with("HS256");
  if (!quick) return std::unexpected(quick.error());
  return Measured{.hub = *slow, .floors = {{"the same with HS256", *quick}}};
}

Result<Measured> measure_latency(Lab& lab) {
  Measured measured;
  {
    const auto hub = lab.start_hub();
    if (!hub) return std::unexpected(hub.error());
    const auto p99 = delay_p99_ms(lab, **hub, nullptr);
    if (!p99) return std::unexpected(p99.error());
    measured.hub = *p99;
  }
  // What 10 000 a second leave for each of the commits that 4 ms of fsync allow.
  const auto commits = lab.append(lab.choices().is_quick ? 8000 : 40'000, 40);
  if (!commits) return std::unexpected(commits.error());
  measured.floors["bare commit p99"] = commits->commit_us_p99 / 1000;
  return measured;
}

Result<Measured> measure_command(Lab& lab) {
  const int rounds = lab.choices().is_quick ? 50 : 200;
  Measured measured;
  {
    const auto hub = lab.start_hub();
    if (!hub) return std::unexpected(hub.error());
    Peers peers;
    for (const std::string& token : {lab.device_token("bench-0"), lab.client_token()}) {
      const auto peer = peers.connect((*hub)->port(), "/v1/ws", token);
      if (!peer) return std::unexpected(peer.error());
      // A device that the hub has not welcomed is not known to anyone yet.
      if (auto met = await(peers, *peer, "welcome"); !met) return std::unexpected(met.error());
    }
    // The device must be known before it can be commanded.
    peers.send(0, R"({"type":"device.register","id":1,"name":"bench"})");
    const auto registered = await(peers, 0, "ack");
    if (!registered) return std::unexpected(registered.error());
    Series times;
    const Window window(lab, **hub);
    for (int i = 0; i < rounds; ++i) {
      const auto time = one_command_ms(peers, i);
      if (!time) return std::unexpected(time.error());
      times.add(*time);
    }
    measured.hub = times.median();
  }
  const auto echo = echo_ms(lab, rounds * 5);
  if (!echo) return std::unexpected(echo.error());
  const auto commits = lab.append(rounds, 1);
  if (!commits) return std::unexpected(commits.error());
  measured.floors["3 echoes"] = 3 * *echo;
  measured.floors["2 commits"] = 2 * commits->commit_us_p50 / 1000;
  return measured;
}

}  // namespace fairlead::bench
