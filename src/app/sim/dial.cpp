#include "app/sim/dial.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <charconv>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "net/handshake.h"
#include "net/tls_session.h"
#include "net/websocket_connection.h"

namespace fairlead::app::sim {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr std::size_t kMaxHeadBytes = 32 * 1024;
/// No message of the hub to a device is near it.
constexpr std::size_t kMaxMessageBytes = 16 * 1024 * 1024;
constexpr std::size_t kQuotedBytes = 200;
constexpr std::string_view kProtocol = "fairlead.v1.json";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// The value of the first header of that (lower-case) name, or empty.
std::string_view header_of(std::string_view head, std::string_view name) {
  for (std::size_t line = head.find("\r\n"); line != std::string_view::npos;
       line = head.find("\r\n", line + 2)) {
    const std::string_view rest = head.substr(line + 2);
    if (rest.size() <= name.size() || rest[name.size()] != ':') continue;
    if (!std::ranges::equal(rest.substr(0, name.size()), name, {}, lower)) continue;
    std::string_view value = rest.substr(name.size() + 1);
    value = value.substr(0, value.find("\r\n"));
    while (value.starts_with(' ')) value.remove_prefix(1);
    while (value.ends_with(' ')) value.remove_suffix(1);
    return value;
  }
  return {};
}

std::optional<std::int64_t> integer_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string request_of(const Url& url, std::string_view key, std::string_view token) {
  return fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {}\r\n"
      "Authorization: Bearer {}\r\n\r\n",
      url.path, url.authority(), key, kProtocol, token);
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
  static constexpr std::string_view kScheme = "ws://";
  static constexpr std::string_view kTlsScheme = "wss://";
  const bool is_tls = text.starts_with(kTlsScheme);
  if (!is_tls && !text.starts_with(kScheme)) {
    return fail(Code::kInvalid, "--url {}: begins with neither ws:// nor wss://", text);
  }
  const std::string_view rest = text.substr(is_tls ? kTlsScheme.size() : kScheme.size());
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, slash);
  Url url{.host = {},
          .port = is_tls ? "443" : "80",
          .path = std::string(rest.substr(slash)),
          .is_tls = is_tls};
  if (url.path.empty() || url.path == "/") url.path = "/v1/ws";
  // The colons of an IPv6 address stand in brackets.
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    url.port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) {
    authority = authority.substr(1, authority.size() - 2);
  }
  url.host = authority;
  const auto port = integer_of(url.port);
  if (url.host.empty() || !port || *port < 1 || *port > 65'535) {
    return fail(Code::kInvalid, "--url {}: is not ws://host:port/path or wss://…", text);
  }
  return url;
}

std::string Url::authority() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

std::expected<void, Refusal> check_answer(std::string_view head, std::string_view rest,
                                          std::string_view key) {
  const auto status = head.starts_with("HTTP/1.1 ") ? integer_of(head.substr(9, 3)) : std::nullopt;
  if (!status) return std::unexpected(Refusal{.message = "the answer is no HTTP/1.1"});
  if (*status != 101) {
    Refusal refusal{.status = static_cast<int>(*status), .message = {}};
    if (const auto seconds = integer_of(header_of(head, "retry-after"))) {
      refusal.retry_after_ms = *seconds * 1000;
    }
    refusal.message =
        fmt::format("the handshake was refused with {}: {}", *status, rest.substr(0, kQuotedBytes));
    return std::unexpected(std::move(refusal));
  }
  if (header_of(head, "sec-websocket-accept") != net::accept_for_key(key)) {
    return std::unexpected(Refusal{.message = "the handshake's Sec-WebSocket-Accept is wrong"});
  }
  if (header_of(head, "sec-websocket-protocol") != kProtocol) {
    return std::unexpected(
        Refusal{.message = "the handshake's subprotocol is not the offered one"});
  }
  return {};
}

/// Shared with the operations under way, which find it called off when the Dial has gone.
struct Dial::Attempt : std::enable_shared_from_this<Dial::Attempt> {
  Attempt(net::Reactor& reactor, const Url& url, const net::TlsContext* tls_context,
          std::string_view token, Done when_done)
      : resolver(reactor.context()),
        socket(reactor.context()),
        context(url.is_tls ? tls_context : nullptr),
        host(url.host),
        key(net::random_key()),
        request(request_of(url, key, token)),
        done(std::move(when_done)) {}

  /// Runs `next` unless the attempt is over; an error ends it.
  template <typename Next>
  auto then(std::string_view what, Next next) {
    return [self = shared_from_this(), what, next](const ErrorCode& error, const auto&...) {
      if (!self->done) return;
      if (error) {
        self->fail_with({.message = fmt::format("{}: {}", what, error.message())});
        return;
      }
      next(*self);
    };
  }

  void look_up(const Url& url) {
    ErrorCode no_address;
    const auto address = asio::ip::make_address(url.host, no_address);
    if (!no_address) {
      const auto port = static_cast<std::uint16_t>(integer_of(url.port).value_or(0));
      connect(std::vector<tcp::endpoint>{{address, port}});
      return;
    }
    resolver.async_resolve(
        url.host, url.port,
        [self = shared_from_this()](const ErrorCode& error,
                                    const tcp::resolver::results_type& found) {
          if (!self->done) return;
          if (error) {
            self->fail_with(
                {.message = fmt::format("cannot look the host up: {}", error.message())});
            return;
          }
          self->connect(std::vector<tcp::endpoint>(found.begin(), found.end()));
        });
  }

  void connect(const std::vector<tcp::endpoint>& endpoints) {
    asio::async_connect(socket, endpoints,
                        then("cannot connect", [](Attempt& self) { self.begin(); }));
  }

  void begin() {
    socket.set_option(tcp::no_delay(true));
    ErrorCode error;
    static_cast<void>(socket.native_non_blocking(true, error));
    if (error) return fail_with({.message = error.message()});
    // From here on Asio only waits on the descriptor, until let_go(): bytes go through the stream
    // that the WebSocket will have.
    stream = net::Socket(socket.native_handle());
    if (context == nullptr) return ask();
    tls = std::make_unique<net::TlsSession>(*context, net::TlsSession::Role::kClient, stream.fd());
    tls->expect_server(host);
    shake_hands();
  }

  void shake_hands() {
    const auto go_on = then("no TLS handshake", [](Attempt& self) { self.shake_hands(); });
    switch (tls->shake_hands()) {
      case net::TlsSession::Step::kWantsRead:
        return socket.async_wait(tcp::socket::wait_read, go_on);
      case net::TlsSession::Step::kWantsWrite:
        return socket.async_wait(tcp::socket::wait_write, go_on);
      case net::TlsSession::Step::kFailed:
        return fail_with({.message = fmt::format("TLS: {}", tls->failure())});
      case net::TlsSession::Step::kDone:
        stream.secure(std::move(tls));
        return ask();
    }
  }

  void ask() {
    iovec piece{.iov_base = request.data(), .iov_len = request.size()};
    const net::IoResult result = stream.send({&piece, 1});
    if (result.status == net::IoResult::Status::kLost) {
      return fail_with({.message = "cannot send the handshake"});
    }
    request.erase(0, result.bytes);
    if (request.empty()) return listen();
    socket.async_wait(tcp::socket::wait_write,
                      then("cannot send the handshake", [](Attempt& self) { self.ask(); }));
  }

  void listen() {
    socket.async_wait(tcp::socket::wait_read,
                      then("no answer to the handshake", [](Attempt& self) { self.read(); }));
  }

  void read() {
    std::array<char, 4096> buffer{};
    net::IoResult result;
    do {
      result = stream.receive(buffer);
      answer.append(buffer.data(), result.bytes);
    } while (stream.has_unread());
    const bool is_over = result.status == net::IoResult::Status::kEnd ||
                         result.status == net::IoResult::Status::kLost;
    if (answer.find("\r\n\r\n") != std::string::npos) {
      judge();
    } else if (is_over || answer.size() > kMaxHeadBytes) {
      fail_with({.message = "no answer to the handshake"});
    } else {
      listen();
    }
  }

  void judge() {
    const std::size_t end_of_head = answer.find("\r\n\r\n") + 4;
    std::string rest = answer.substr(end_of_head);
    if (auto good = check_answer(answer.substr(0, end_of_head), rest, key); !good) {
      fail_with(std::move(good.error()));
      return;
    }
    let_go();
    net::WebSocketState state{
        .socket = std::move(stream),
        .decoder = net::WebSocketDecoder(net::Role::kClient, kMaxMessageBytes),
        .unread = net::Unread(rest)};
    state.some().mask_keys.emplace();
    finish(std::make_unique<net::WebSocketConnection>(std::move(state)));
  }

  void fail_with(Refusal refusal) { finish(std::unexpected(std::move(refusal))); }

  void finish(std::expected<std::unique_ptr<net::Transport>, Refusal> outcome) {
    const auto self = shared_from_this();
    std::exchange(done, nullptr)(std::move(outcome));
  }

  void call_off() {
    done = nullptr;
    resolver.cancel();
    if (stream.is_open()) let_go();
    stream.close();
    ErrorCode ignored;
    static_cast<void>(socket.close(ignored));
  }

  /// The descriptor is the stream's alone.
  void let_go() {
    ErrorCode ignored;
    static_cast<void>(socket.release(ignored));
  }

  tcp::resolver resolver;
  tcp::socket socket;
  net::Socket stream;
  /// Null in clear.
  const net::TlsContext* const context;
  /// During its handshake; then it is the stream's.
  std::unique_ptr<net::TlsSession> tls;
  const std::string host;
  const std::string key;
  std::string request;
  std::string answer;
  Done done;
};

Dial::Dial(net::Reactor& reactor, const Url& url, const net::TlsContext* tls,
           std::string_view token, Done done)
    : attempt_(std::make_shared<Attempt>(reactor, url, tls, token, std::move(done))) {
  attempt_->look_up(url);
}

Dial::~Dial() { attempt_->call_off(); }

}  // namespace fairlead::app::sim
