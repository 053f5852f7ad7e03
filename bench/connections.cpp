// What connections cost: the memory of an idle one, the CPU of a visit.
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "bench/fleet.h"
#include "bench/rows.h"
#include "bench/visits.h"
#include "bench/window.h"

namespace fairlead::bench {
namespace {

/// As many idle ones as the 20 000 descriptors of a usual limit hold.
std::size_t idle_count(const Lab& lab) { return lab.choices().is_quick ? 2000 : 15'000; }
std::size_t visit_count(const Lab& lab) { return lab.choices().is_quick ? 500 : 12'000; }
/// A fleet that comes back comes together.
constexpr std::size_t kVisitsAtOnce = 64;

/// Memory that the process keeps once it has nothing to do.
Result<double> settled_bytes(const Child& server) {
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const auto bytes = server.private_bytes();
  if (!bytes) return std::unexpected(bytes.error());
  return static_cast<double>(*bytes);
}

Result<double> visits_per_cpu_second(Lab& lab, const Child& server,
                                     const std::vector<std::string>& tokens) {
  const Window window(lab, server);
  if (auto done = visit_all(server.port(), "/v1/ws", tokens, kVisitsAtOnce); !done) {
    return std::unexpected(done.error());
  }
  return static_cast<double>(tokens.size()) * 1e9 / static_cast<double>(window.cpu_ns());
}

}  // namespace

Result<Measured> measure_idle_memory(Lab& lab, bool with_tls) {
  const auto hub = with_tls ? lab.start_tls_hub() : lab.start_hub();
  if (!hub) return std::unexpected(hub.error());
  Peers peers;
  if (with_tls) peers.use_tls();
  std::size_t welcomes = 0;
  const auto connect = [&](std::size_t count) -> Result<void> {
    std::vector<std::string> tokens;
    for (std::size_t i = peers.size(); i < peers.size() + count; ++i) {
      tokens.push_back(lab.device_token(fmt::format("bench-{}", i)));
    }
    const auto connected = peers.connect_all((*hub)->port(), "/v1/ws", tokens);
    if (!connected) return std::unexpected(connected.error());
    return peers.run(
        [&](std::size_t, std::string_view message) {
          if (has_type(message, "welcome")) ++welcomes;
        },
        [&] { return welcomes == peers.size(); }, 30, true);
  };
  // The first ones pay for what is there once.
  if (auto first = connect(100); !first) return std::unexpected(first.error());
  const auto before = settled_bytes(**hub);
  if (!before) return std::unexpected(before.error());
  const std::size_t count = idle_count(lab);
  if (auto rest = connect(count); !rest) return std::unexpected(rest.error());
  const auto after = settled_bytes(**hub);
  if (!after) return std::unexpected(after.error());
  return Measured{.hub = (*after - *before) / static_cast<double>(count)};
}

Result<Measured> measure_connects(Lab& lab) {
  const std::size_t count = visit_count(lab);
  std::vector<std::string> tokens;
  tokens.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    tokens.push_back(lab.device_token(fmt::format("bench-{}", i)));
  }
  Measured measured;
  {
    const auto hub = lab.start_hub();
    if (!hub) return std::unexpected(hub.error());
    const auto rate = visits_per_cpu_second(lab, **hub, tokens);
    if (!rate) return std::unexpected(rate.error());
    measured.hub = *rate;
  }
  const auto floor = lab.start_floor("upgrade");
  if (!floor) return std::unexpected(floor.error());
  const auto rate = visits_per_cpu_second(lab, **floor, tokens);
  if (!rate) return std::unexpected(rate.error());
  measured.floors["upgrade"] = *rate;
  return measured;
}

}  // namespace fairlead::bench
