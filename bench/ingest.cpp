// Ingest: alone, in a crowd of idle connections, and beside subscriptions that do not match.
#include <fmt/format.h>

#include "bench/fleet.h"
#include "bench/loads.h"
#include "bench/rows.h"

namespace fairlead::bench {
namespace {

constexpr std::size_t kActive = 100;
constexpr std::size_t kCrowd = 15'000;
constexpr std::size_t kSubscriptions = 100;
constexpr std::size_t kDevicesInEach = 1000;

/// Clients that only hold their connection.
Result<void> gather_crowd(Lab& lab, Peers& crowd, int port) {
  const std::string token = lab.client_token();
  for (std::size_t i = kActive; i < kCrowd; ++i) {
    const auto peer = crowd.connect(port, "/v1/ws", token);
    if (!peer) return std::unexpected(peer.error());
  }
  return {};
}

Result<void> subscribe_in_vain(Lab& lab, Peers& clients, int port) {
  const auto client = clients.connect(port, "/v1/ws", lab.client_token());
  if (!client) return std::unexpected(client.error());
  std::size_t acks = 0;
  std::string problem;
  for (std::size_t i = 0; i < kSubscriptions; ++i) {
    std::string request =
        fmt::format(R"({{"type":"subscribe","id":{},"events":["telemetry"],"devices":[)", i);
    for (std::size_t k = 0; k < kDevicesInEach; ++k) {
      request += fmt::format("{}\"nobody-{}-{}\"", k == 0 ? "" : ",", i, k);
    }
    clients.send(*client, request + "]}");
  }
  const auto answered = clients.run(
      [&](std::size_t, std::string_view message) {
        if (has_type(message, "ack")) ++acks;
        if (has_type(message, "error")) problem = message.substr(0, 200);
      },
      [&] { return acks == kSubscriptions || !problem.empty(); }, 60, true);
  if (!problem.empty()) return fail(Code::kInternal, "a subscription was refused: {}", problem);
  return answered;
}

}  // namespace

Result<double> talk_cpu_us(Lab& lab, const Child& server, const Talk& talk) {
  Fleet fleet;
  fleet.set_message_bytes(talk.bytes);
  const auto connected =
      Fleet::connect(fleet, server.port(), talk.devices, talk.is_hub ? &lab : nullptr);
  if (!connected) return std::unexpected(connected.error());
  return fleet.cpu_us_per_message(lab, server, talk.depth);
}

Result<Measured> measure_ingest(Lab& lab, int depth) {
  Measured measured;
  {
    const auto hub = lab.start_hub();
    if (!hub) return std::unexpected(hub.error());
    const auto cpu = talk_cpu_us(lab, **hub, {.depth = depth, .is_hub = true});
    if (!cpu) return std::unexpected(cpu.error());
    measured.hub = *cpu;
  }
  {
    const auto echo = lab.start_floor("echo");
    if (!echo) return std::unexpected(echo.error());
    const auto cpu = talk_cpu_us(lab, **echo, {.depth = depth});
    if (!cpu) return std::unexpected(cpu.error());
    measured.floors["echo"] = *cpu;
  }
  // The most that one commit can hold: all that is in flight, up to the 1000 of design's table.
  const std::int64_t group =
      std::min<std::int64_t>(static_cast<std::int64_t>(Talk().devices) * depth, 1000);
  const auto append = lab.append(group * (lab.choices().is_quick ? 100 : 300), group);
  if (!append) return std::unexpected(append.error());
  measured.floors["append"] = append->cpu_us_per_sample;
  return measured;
}

Result<Measured> measure_crowd(Lab& lab) {
  Measured measured;
  for (const bool is_crowded : {true, false}) {
    const auto hub = lab.start_hub();
    if (!hub) return std::unexpected(hub.error());
    Peers crowd;
    if (is_crowded) {
      const auto gathered = gather_crowd(lab, crowd, (*hub)->port());
      if (!gathered) return std::unexpected(gathered.error());
    }
    const auto cpu = talk_cpu_us(lab, **hub, {.devices = kActive, .is_hub = true});
    if (!cpu) return std::unexpected(cpu.error());
    if (is_crowded) {
      measured.hub = *cpu;
    } else {
      measured.floors["hub with 100"] = *cpu;
    }
  }
  return measured;
}

Result<Measured> measure_idle_subscriptions(Lab& lab) {
  Measured measured;
  for (const bool is_subscribed : {true, false}) {
    const auto hub = lab.start_hub();
    if (!hub) return std::unexpected(hub.error());
    Peers clients;
    if (is_subscribed) {
      const auto subscribed = subscribe_in_vain(lab, clients, (*hub)->port());
      if (!subscribed) return std::unexpected(subscribed.error());
    }
    const auto cpu = talk_cpu_us(lab, **hub, {.is_hub = true});
    if (!cpu) return std::unexpected(cpu.error());
    if (is_subscribed) {
      measured.hub = *cpu;
    } else {
      measured.floors["hub without"] = *cpu;
    }
  }
  return measured;
}

}  // namespace fairlead::bench
