#include "bench/allocations/rig.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "auth/keys.h"
#include "bench/messages.h"
#include "net/websocket_connection.h"

namespace fairlead::bench {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr std::size_t kMaxQueries = 4096;
/// Turns that bring nothing before something is taken to be lost.
constexpr int kPatience = 1000;
constexpr std::int64_t kNoLimit = 1'000'000'000;

hub::Settings settings_with(std::size_t outbox_bytes) {
  hub::Settings settings;
  settings.messages_per_second = kNoLimit;
  settings.burst = kNoLimit;
  settings.outbox_bytes = outbox_bytes;
  return settings;
}

std::shared_ptr<const auth::KeySet> any_keys() {
  std::vector<auth::Key> keys;
  keys.push_back(auth::Key::from_secret(auth::Algorithm::kHs256,
                                        "a secret of the benchmark, in nobody else's use")
                     .value());
  return std::make_shared<const auth::KeySet>(std::move(keys));
}

}  // namespace

/// What app::ShardThread is, without its thread and over any store.
struct Rig::Place {
  Place(std::size_t index, std::size_t count, Rig& rig, std::unique_ptr<net::Sender> sender)
      : reactor(rig.clock_, {}, std::move(sender)),
        repositories(rig.writer_, rig.reads_,
                     [this](store::Letter letter) { reactor.post(std::move(letter)); }),
        verifier(any_keys(), auth::TokenPolicy(), rig.clock_),
        shard(index, rig.settings_,
              hub::Ports{.clock = rig.clock_,
                         .random = rig.random_,
                         .peers = rig.mail_,
                         .backpressure = rig,
                         .host = reactor,
                         .verifier = verifier,
                         .telemetry = repositories,
                         .devices = repositories,
                         .commands = repositories,
                         .fleets = repositories,
                         .logs = repositories,
                         .revocations = repositories},
              devices::KeySeries{.first = static_cast<protocol::DeviceKey>(index) + 1,
                                 .step = static_cast<protocol::DeviceKey>(count)}) {
    rig.mail_.enter(index, reactor, shard);
    reactor.set_turn(
        [this] {
          shard.fire_timers();
          shard.end_turn();
        },
        [this] { return shard.next_due_ms(); });
  }

  net::Reactor reactor;
  store::ShardStore repositories;
  auth::Verifier verifier;
  hub::Shard shard;
};

Rig::Rig(std::size_t shards, store::Backend& backend, std::size_t outbox_bytes)
    : settings_(settings_with(outbox_bytes)),
      writer_(backend, {}),
      reads_(kMaxQueries),
      mail_(shards, 0, tenants_, memory_),
      shards_(shards),
      buffer_(kBufferBytes) {}

Result<void> Rig::open(net::Io io) {
  auto senders = net::make_senders(io, shards_);
  if (!senders) return std::unexpected(senders.error());
  for (std::size_t index = 0; index < shards_; ++index) {
    places_.push_back(
        std::make_unique<Place>(index, shards_, *this, std::move(senders->each[index])));
  }
  return {};
}

Rig::~Rig() {
  for (const Line& line : lines_) close(line.fd);
}

Result<std::size_t> Rig::connect(auth::Principal principal) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(Code::kInternal, "socketpair: {}", std::strerror(errno));
  }
  const std::size_t number = lines_.size();
  lines_.push_back({.fd = ends[1]});
  const bool is_device = principal.kind == auth::Kind::kDevice;
  const std::size_t home = is_device
                               ? places_[0]->shard.home_of(principal.tenant, principal.subject)
                               : number % places_.size();
  net::WebSocketState state{
      .socket = net::Socket(ends[0]),
      .decoder = net::WebSocketDecoder(net::Role::kServer, settings_.max_message_bytes)};
  places_[home]->shard.adopt(
      {.transport = std::make_unique<net::WebSocketConnection>(std::move(state)),
       .info = {.ulid = Ulid::make(clock_.now_ms(), random_),
                .remote = "bench",
                .connected_at = clock_.now_ms()},
       .principal = std::move(principal),
       .auth_id = {}});
  bool is_welcome = false;
  const auto done = run_until(
      [&](std::size_t line, std::string_view message) {
        is_welcome = is_welcome || (line == number && has_type(message, "welcome"));
      },
      [&] { return is_welcome; });
  if (!done) return std::unexpected(done.error());
  return number;
}

void Rig::say(std::size_t line, std::string_view message) {
  append_masked_frame(lines_[line].out, message);
}

Result<void> Rig::write() {
  for (Line& line : lines_) {
    if (line.out.empty()) continue;
    const ssize_t sent = send(line.fd, line.out.data(), line.out.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(line.out.size())) {
      return fail(Code::kInternal, "a socket takes no {} bytes at once", line.out.size());
    }
    line.out.clear();
  }
  return {};
}

void Rig::turn() {
  const HeapLedger ledger(of_messages);
  for (const auto& place : places_) place->reactor.run_turn(std::chrono::milliseconds(0));
  step_store();
}

void Rig::step_store() {
  while (writer_.step() || reads_.step(reader_)) {
  }
}

void Rig::pass_time(std::int64_t ms) {
  clock_.advance(ms);
  const HeapLedger ledger(of_timers);
  for (const auto& place : places_) place->reactor.run_turn(std::chrono::milliseconds(0));
  step_store();
}

Result<std::size_t> Rig::read(const OnMessage& on_message) {
  std::size_t bytes = 0;
  for (std::size_t number = 0; number < lines_.size(); ++number) {
    Line& line = lines_[number];
    const std::size_t kept = line.rest.size();
    std::memcpy(buffer_.data(), line.rest.data(), kept);
    const ssize_t got = recv(line.fd, buffer_.data() + kept, buffer_.size() - kept, 0);
    if (got < 0 && errno == EAGAIN) continue;
    if (got <= 0) return fail(Code::kInternal, "the hub closed line {}", number);
    bytes += static_cast<std::size_t>(got);
    const std::string_view all(buffer_.data(), kept + static_cast<std::size_t>(got));
    const std::size_t used = take_frames(all, [&](unsigned opcode, std::string_view payload) {
      if (opcode <= 2) on_message(number, payload);
    });
    line.rest = all.substr(used);
  }
  return bytes;
}

Result<void> Rig::run_until(const OnMessage& on_message, const std::function<bool()>& is_done) {
  for (int idle_turns = 0; !is_done(); ++idle_turns) {
    if (idle_turns > kPatience) return fail(Code::kInternal, "the hub does not answer");
    turn();
    const auto bytes = read(on_message);
    if (!bytes) return std::unexpected(bytes.error());
    if (*bytes > 0) idle_turns = 0;
  }
  return {};
}

}  // namespace fairlead::bench
