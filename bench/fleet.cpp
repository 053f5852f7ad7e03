#include "bench/fleet.h"

#include <fmt/format.h>

#include "bench/window.h"

namespace fairlead::bench {

Result<void> Fleet::connect(Fleet& fleet, int port, std::size_t count, const Lab* lab) {
  fleet.is_echo_ = lab == nullptr;
  std::vector<std::string> tokens;
  tokens.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    tokens.push_back(lab != nullptr ? lab->device_token(fmt::format("bench-{}", i)) : "");
  }
  fleet.seqs_.assign(count, 0);
  return fleet.peers_.connect_all(port, "/v1/ws", tokens);
}

void Fleet::send_next(std::size_t device) {
  if (message_bytes_ == 0) {
    write_telemetry(message_, ++seqs_[device]);
  } else {
    write_telemetry_of(message_, ++seqs_[device], message_bytes_);
  }
  peers_.send(device, message_);
}

Result<double> Fleet::cpu_us_per_message(Lab& lab, const Child& server, int depth) {
  const double seconds = lab.choices().seconds;
  std::int64_t answered = 0;
  std::string problem;
  const Peers::OnMessage on_message = [&](std::size_t peer, std::string_view message) {
    if (is_echo_ || has_type(message, "ack")) {
      ++answered;
      send_next(peer);
    } else if (!has_type(message, "welcome")) {
      problem = std::string(message.substr(0, 200));
    }
  };
  for (std::size_t device = 0; device < seqs_.size(); ++device) {
    for (int i = 0; i < depth; ++i) send_next(device);
  }
  const auto is_broken = [&] { return !problem.empty(); };
  if (auto warmed = peers_.run(on_message, is_broken, seconds / 3, false); !warmed) {
    return std::unexpected(warmed.error());
  }
  const std::int64_t answered_before = answered;
  const Window window(lab, server);
  if (auto measured = peers_.run(on_message, is_broken, seconds, false); !measured) {
    return std::unexpected(measured.error());
  }
  const auto cpu_ns = static_cast<double>(window.cpu_ns());
  if (!problem.empty()) return fail(Code::kInternal, "the hub answered {}", problem);
  if (answered == answered_before) return fail(Code::kInternal, "nothing was answered");
  return cpu_ns / 1000 / static_cast<double>(answered - answered_before);
}

}  // namespace fairlead::bench
