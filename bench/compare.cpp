// The engine and the hub beside what else one would pick: same load, same tool.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "bench/cells.h"
#include "bench/loads.h"

namespace fairlead::bench {
namespace {

struct Server {
  std::string name;
  /// Null where the server does not do it.
  std::function<Result<std::unique_ptr<Child>>(Lab&)> echo;
  std::function<Result<std::unique_ptr<Child>>(Lab&)> fanout;
  bool is_hub = false;
};

Server ours(int shards) {
  const std::string name = fmt::format("Fairlead, {} shard{}", shards, shards == 1 ? "" : "s");
  return {
      .name = name,
      .echo = [shards](Lab& lab) { return lab.start_echo(shards); },
      .fanout =
          [shards](Lab& lab) { return lab.start_hub({fmt::format("runtime.shards={}", shards)}); },
      .is_hub = true};
}

Server other(const std::string& name, std::vector<std::string> arguments) {
  const auto start = [arguments = std::move(arguments)](Lab& lab) {
    return lab.start_compared(arguments);
  };
  return {.name = name, .echo = start, .fanout = start};
}

std::vector<Server> all_servers() {
  const int threads = std::max(2, static_cast<int>(std::thread::hardware_concurrency()));
  return {ours(1),
          {.name = "bare floor, 1 thread",
           .echo = [](Lab& lab) { return lab.start_floor("echo"); },
           .fanout = [](Lab& lab) { return lab.start_floor("fanout"); }},
          other("Boost.Beast, 1 thread", {"compare-beast", "1"}),
          other("libwebsockets, 1 thread", {"compare-libwebsockets"}),
          other("ws on Node", {"ws/server.mjs"}),
          ours(threads),
          other(fmt::format("Boost.Beast, {} threads", threads),
                {"compare-beast", std::to_string(threads)})};
}

}  // namespace

std::vector<Cell> compare_cells() {
  std::vector<Cell> cells;
  for (const int depth : {1, 16}) {
    for (const Server& server : all_servers()) {
      const auto measure = [start = server.echo, depth](Lab& lab) -> Result<double> {
        const auto running = start(lab);
        if (!running) return std::unexpected(running.error());
        return talk_cpu_us(lab, **running, {.depth = depth});
      };
      cells.push_back(
          {.group = fmt::format("echo, 200 connections, depth {}: CPU per message", depth),
           .name = server.name,
           .measure = measure});
    }
  }
  for (const int window : {1, 32}) {
    for (const Server& server : all_servers()) {
      const auto measure = [start = server.fanout, window,
                            is_hub = server.is_hub](Lab& lab) -> Result<double> {
        const auto running = start(lab);
        if (!running) return std::unexpected(running.error());
        return fanout_cpu_us(lab, **running, window, is_hub);
      };
      cells.push_back(
          {.group = fmt::format("fan-out, 1000 subscribers, window {}: CPU per delivery", window),
           .name = server.name,
           .measure = measure});
    }
  }
  return cells;
}

}  // namespace fairlead::bench
