// What TLS costs: for each message, and for each handshake.
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "bench/fleet.h"
#include "bench/peers.h"
#include "bench/rows.h"
#include "bench/tls_line.h"
#include "bench/window.h"

namespace fairlead::bench {
namespace {

constexpr std::size_t kDevices = 200;
constexpr int kDepth = 16;

Result<double> ingest_cpu(Lab& lab, const Child& hub, bool with_tls) {
  Fleet fleet;
  if (with_tls) fleet.peers().use_tls();
  if (auto connected = Fleet::connect(fleet, hub.port(), kDevices, &lab); !connected) {
    return std::unexpected(connected.error());
  }
  return fleet.cpu_us_per_message(lab, hub, kDepth);
}

/// Connects, shakes hands, asks for a page where `wants_ticket`, and waits for the server's end.
Result<TlsTicket> shake_hands(const TlsClients& clients, int port, const TlsTicket& ticket,
                              bool wants_ticket) {
  const auto fd = connected_socket(port);
  if (!fd) return std::unexpected(fd.error());
  TlsTicket got;
  Result<void> outcome;
  if (const auto line = TlsLine::open(clients, *fd, ticket); !line) {
    outcome = std::unexpected(line.error());
  } else {
    static constexpr std::string_view kAsk = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
    std::array<char, 4096> buffer{};
    if (wants_ticket) {
      (*line)->send(kAsk.data(), kAsk.size());
      (*line)->receive(buffer.data(), buffer.size());
      got = (*line)->ticket();
    }
    if (ticket && !(*line)->was_resumed()) outcome = fail(Code::kInternal, "was not resumed");
    ::shutdown(*fd, SHUT_WR);
    while (::recv(*fd, buffer.data(), buffer.size(), 0) > 0) {
    }
  }
  ::close(*fd);
  if (!outcome) return std::unexpected(outcome.error());
  return got;
}

}  // namespace

Result<Measured> measure_tls_ingest(Lab& lab) {
  Measured measured;
  {
    const auto hub = lab.start_tls_hub();
    if (!hub) return std::unexpected(hub.error());
    const auto cpu = ingest_cpu(lab, **hub, true);
    if (!cpu) return std::unexpected(cpu.error());
    measured.hub = *cpu;
  }
  const auto hub = lab.start_hub();
  if (!hub) return std::unexpected(hub.error());
  const auto cpu = ingest_cpu(lab, **hub, false);
  if (!cpu) return std::unexpected(cpu.error());
  measured.floors["hub in clear"] = *cpu;
  return measured;
}

Result<Measured> measure_tls_handshakes(Lab& lab, bool resumes) {
  const auto hub = lab.start_tls_hub();
  if (!hub) return std::unexpected(hub.error());
  const TlsClients clients;
  const auto first = shake_hands(clients, (*hub)->port(), {}, true);
  if (!first) return std::unexpected(first.error());
  const int count = lab.choices().is_quick ? 300 : 3000;
  const Window window(lab, **hub);
  for (int i = 0; i < count; ++i) {
    const auto done = shake_hands(clients, (*hub)->port(), resumes ? *first : TlsTicket(), false);
    if (!done) return std::unexpected(done.error());
  }
  return Measured{.hub = static_cast<double>(window.cpu_ns()) / 1000 / count};
}

}  // namespace fairlead::bench
