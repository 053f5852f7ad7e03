// How the cost of a message changes with shards, connections and its size.
#include <fmt/format.h>

#include <array>

#include "bench/cells.h"
#include "bench/loads.h"

namespace fairlead::bench {
namespace {

constexpr std::array<int, 2> kShards = {1, 2};

struct Size {
  std::size_t bytes;
  const char* name;
  /// Fewer of the big ones under way, so that a window has many of them.
  int depth;
};
constexpr std::array kSizes = {Size{.bytes = 64, .name = "64 B", .depth = 16},
                               Size{.bytes = 1024, .name = "1 KB", .depth = 16},
                               Size{.bytes = 16 * 1024, .name = "16 KB", .depth = 4},
                               Size{.bytes = 64 * 1024, .name = "64 KB", .depth = 1}};

Cell cell(std::string group, std::string name, int shards, const Talk& talk) {
  return {.group = std::move(group),
          .name = std::move(name),
          .measure = [shards, talk](Lab& lab) -> Result<double> {
            const auto server = talk.is_hub
                                    ? lab.start_hub({fmt::format("runtime.shards={}", shards)})
                                    : lab.start_echo(shards);
            if (!server) return std::unexpected(server.error());
            return talk_cpu_us(lab, **server, talk);
          }};
}

}  // namespace

std::vector<Cell> sweep_cells(bool is_quick) {
  std::vector<std::size_t> connections = {100, 1000, 5000, 15'000};
  if (is_quick) connections = {100, 1000};
  std::vector<Cell> cells;
  for (const bool is_hub : {false, true}) {
    for (const int shards : kShards) {
      const std::string on =
          fmt::format("{}, {} shard{}", is_hub ? "ingest" : "echo", shards, shards == 1 ? "" : "s");
      for (const std::size_t count : connections) {
        cells.push_back(cell(on + ", each connection with one message under way: CPU per message",
                             fmt::format("{} connections", count), shards,
                             {.devices = count, .depth = 1, .is_hub = is_hub}));
      }
      for (const Size& size : kSizes) {
        cells.push_back(cell(on + ", 200 connections: CPU per message",
                             fmt::format("{}, {} under way on each", size.name, size.depth), shards,
                             {.depth = size.depth, .bytes = size.bytes, .is_hub = is_hub}));
      }
    }
  }
  return cells;
}

}  // namespace fairlead::bench
