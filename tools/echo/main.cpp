// fairlead-echo: sends every WebSocket message back. It runs the network floor alone, for the
// conformance suite and for measuring what the floor costs.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/frame.h"
#include "net/listener.h"
#include "net/reactor.h"
#include "net/reception.h"
#include "net/senders.h"
#include "net/tls_credentials.h"

namespace {

using fairlead::net::CloseInfo;
using fairlead::net::Exchange;
using fairlead::net::HttpRequest;
using fairlead::net::Io;
using fairlead::net::Reactor;
using fairlead::net::Transport;

constexpr std::size_t kMaxMessageBytes = 16 * 1024 * 1024;
constexpr std::size_t kMaxShards = 64;
/// A peer that sends and does not read: above this it is not read from either.
constexpr std::uint64_t kMaxQueuedBytes = 2 * kMaxMessageBytes;
constexpr std::string_view kUsage =
    "usage: fairlead-echo --listen HOST:PORT [--deflate] [--shards N] [--io auto|epoll|uring] "
    "[--tls-cert FILE --tls-key FILE]\n";

constexpr std::array<std::pair<std::string_view, Io>, 3> kIos{
    {{"auto", Io::kAuto}, {"epoll", Io::kEpoll}, {"uring", Io::kUring}}};

struct Options {
  std::string listen;
  bool deflate = false;
  std::size_t shards = 1;
  Io io = Io::kAuto;
  fairlead::net::TlsFiles tls;
};

std::expected<Options, std::string> parse(std::span<char*> arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--deflate") {
      options.deflate = true;
      continue;
    }
    if (i + 1 == arguments.size()) return std::unexpected(fmt::format("{}: no value", name));
    const std::string_view value = arguments[++i];
    if (name == "--listen") {
      options.listen = value;
    } else if (name == "--tls-cert") {
      options.tls.certificate = value;
    } else if (name == "--tls-key") {
      options.tls.key = value;
    } else if (name == "--shards") {
      const auto parsed =
          std::from_chars(value.data(), value.data() + value.size(), options.shards);
      const bool is_number = parsed.ec == std::errc{} && parsed.ptr == value.data() + value.size();
      if (!is_number || options.shards < 1 || options.shards > kMaxShards) {
        return std::unexpected(fmt::format("--shards {}: wants 1 to {}", value, kMaxShards));
      }
    } else if (name == "--io") {
      const auto known = std::ranges::find(kIos, value, &std::pair<std::string_view, Io>::first);
      if (known == kIos.end()) {
        return std::unexpected(fmt::format("--io {}: wants auto, epoll or uring", value));
      }
      options.io = known->second;
    } else {
      return std::unexpected(fmt::format("{}: unknown option", name));
    }
  }
  if (options.listen.empty()) return std::unexpected("--listen is missing");
  if (options.tls.certificate.empty() != options.tls.key.empty()) {
    return std::unexpected("--tls-cert and --tls-key go together");
  }
  return options;
}

class Shard;

class EchoSession final : public fairlead::net::MessageHandler {
 public:
  EchoSession(Shard& shard, std::unique_ptr<Transport> transport)
      : shard_(shard), transport_(std::move(transport)) {}
  Transport& transport() { return *transport_; }

  void on_message(fairlead::MessageKind kind, std::string_view payload) override {
    transport_->send(fairlead::make_frame(kind, payload));
    if (transport_->queued_bytes() > kMaxQueuedBytes) transport_->pause_reading();
  }
  void on_sign_of_life() override {}
  void on_written() override {
    if (transport_->queued_bytes() < kMaxQueuedBytes) transport_->resume_reading();
  }
  void on_closed(const CloseInfo& info) override;

 private:
  Shard& shard_;
  std::unique_ptr<Transport> transport_;
};

class Shard final : public fairlead::net::RequestHandler {
 public:
  Shard(const fairlead::Clock& clock, const fairlead::net::ReactorOptions& options,
        std::unique_ptr<fairlead::net::Sender> sender)
      : reactor_(clock, options, std::move(sender)) {}
  Reactor& reactor() { return reactor_; }
  void forget(EchoSession& session) { sessions_.erase(&session); }

  void on_request(HttpRequest request, std::unique_ptr<Exchange> exchange) override {
    if (!exchange->is_upgrade()) {
      exchange->respond({.status = 426,
                         .headers = {{"Upgrade", "websocket"}, {"Content-Type", "text/plain"}},
                         .body = request.path + ": WebSockets only\n"});
      return;
    }
    exchange->upgrade("", kMaxMessageBytes, [this](std::unique_ptr<Transport> transport) {
      auto session = std::make_unique<EchoSession>(*this, std::move(transport));
      EchoSession& opened = *session;
      sessions_.emplace(&opened, std::move(session));
      reactor_.attach(opened.transport(), opened);
    });
  }

 private:
  Reactor reactor_;
  std::unordered_map<EchoSession*, std::unique_ptr<EchoSession>> sessions_;
};

void EchoSession::on_closed(const CloseInfo& /*info*/) { shard_.forget(*this); }

int serve(const Options& options) {
  const auto listener = fairlead::net::Listener::open(options.listen);
  if (!listener) {
    fmt::print(stderr, "fairlead-echo: {}\n", listener.error().message);
    return 1;
  }
  const fairlead::SystemClock clock;
  fairlead::net::ReceptionRules rules;
  if (!options.tls.certificate.empty()) {
    auto tls = fairlead::net::TlsCredentials::open(options.tls, clock.now_ms());
    if (!tls) {
      fmt::print(stderr, "fairlead-echo: {}\n", tls.error().message);
      return 1;
    }
    rules.tls = std::move(*tls);
  }
  // Blocked before the threads begin, so that only sigwait below gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  fairlead::net::ReactorOptions reactor_options;
  if (options.deflate) {
    // Whatever the peer asks for, so that the suite reaches every path.
    reactor_options.deflate = {
        .min_bytes = 1, .server_no_context_takeover = false, .client_no_context_takeover = false};
  }
  auto senders = fairlead::net::make_senders(options.io, options.shards);
  if (!senders) {
    fmt::print(stderr, "fairlead-echo: {}\n", senders.error().message);
    return 1;
  }
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < options.shards; ++i) {
    shards.push_back(std::make_unique<Shard>(clock, reactor_options, std::move(senders->each[i])));
    (*listener)->watch(shards.back()->reactor(), *shards.back(), {}, rules);
  }
  threads.reserve(shards.size());
  for (const auto& shard : shards) threads.emplace_back([&shard] { shard->reactor().run(); });
  fmt::print("listening on {}://{}\n", rules.tls ? "wss" : "ws", (*listener)->local_address());
  std::fflush(stdout);
  int received = 0;
  sigwait(&signals, &received);
  for (const auto& shard : shards) shard->reactor().stop();
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
  if (options) return serve(*options);
  fmt::print(stderr, "fairlead-echo: {}\n{}", options.error(), kUsage);
  return 2;
}
