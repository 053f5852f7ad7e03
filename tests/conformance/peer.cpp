#include "conformance/peer.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "support/deadline.h"
#include "support/failure.h"
#include "support/hub_process.h"

namespace fairlead::conformance {
namespace {

using support::Deadline;
using support::Failure;
using support::Frame;

constexpr std::size_t kToldInFull = 64;
/// Longer input is not sent octet by octet but in pieces of this many, a prime.
constexpr std::size_t kOctetwise = 1024;
constexpr std::size_t kPiece = 997;

std::string value_of(std::string_view head, std::string_view name) {
  const std::size_t at = head.find(name);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + name.size();
  return std::string(head.substr(begin, head.find("\r\n", begin) - begin));
}

}  // namespace

std::string told(std::string_view kind, std::string_view payload) {
  if (payload.size() <= kToldInFull) return fmt::format("{}:{}", kind, payload);
  return fmt::format("{}:{} octets {:x}", kind, payload.size(),
                     std::hash<std::string_view>{}(payload));
}

EchoServer::EchoServer(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--listen", "127.0.0.1:0"});
  const auto program = support::fairlead_binary().parent_path() / "fairlead-echo";
  process_ = std::make_unique<support::Process>(program, std::move(arguments));
  const std::string line = process_->read_line(Deadline(support::kStartPatience));
  const std::size_t colon = line.rfind(':');
  const auto parsed = std::from_chars(line.data() + colon + 1, line.data() + line.size(), port_);
  if (parsed.ec != std::errc{}) throw Failure("no port: " + line);
}

std::string frame(unsigned first, std::string_view payload) {
  return support::encode_masked({.opcode = static_cast<std::uint8_t>(first & 0xFU),
                                 .fin = (first & 0x80U) != 0,
                                 .payload = std::string(payload),
                                 .rsv = static_cast<std::uint8_t>(first & 0x70U)});
}

std::string close_frame(unsigned code, std::string_view reason) {
  std::string payload{static_cast<char>(code >> 8U), static_cast<char>(code & 0xFFU)};
  return frame(0x88, payload.append(reason));
}

std::string fragments(unsigned opcode, std::string_view message, std::size_t step,
                      std::string_view between) {
  std::string wire;
  for (std::size_t at = 0; at < message.size(); at += step) {
    if (at > 0) wire += between;
    const unsigned fin = at + step >= message.size() ? 0x80U : 0U;
    wire += frame(fin | (at == 0 ? opcode : 0U), message.substr(at, step));
  }
  return wire;
}

Peer::Peer(const EchoServer& server, std::string_view extensions) : socket_(server.port()) {
  const std::string key = support::random_key();
  std::string request = fmt::format(
      "GET /any?path HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
      server.port(), key);
  if (!extensions.empty()) request += fmt::format("Sec-WebSocket-Extensions: {}\r\n", extensions);
  send(request + "\r\n");
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!socket_.receive(buffer_, Deadline{})) throw Failure("no upgrade: " + buffer_);
  }
  const std::string head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  const bool is_good = head.starts_with("HTTP/1.1 101 ") &&
                       value_of(head, "Sec-WebSocket-Accept: ") == support::accept_for(key);
  if (!is_good) throw Failure("a bad upgrade: " + head);
  agreed_ = value_of(head, "Sec-WebSocket-Extensions: ");
  if (agreed_.empty()) return;
  decompressor_ = std::make_unique<support::Decompressor>(agreed_);
}

void Peer::send(std::string_view octets) {
  // What the server no longer takes it will tell why.
  static_cast<void>(socket_.send(octets));
}

void Peer::send_chopped(std::string_view octets, std::size_t step) {
  for (std::size_t at = 0; at < octets.size(); at += step) send(octets.substr(at, step));
}

std::optional<std::string> Peer::read_next() {
  std::optional<Frame> got;
  while (!(got = support::take_frame(buffer_, decompressor_ ? support::kRsv1 : 0))) {
    if (socket_.receive(buffer_, Deadline{})) continue;
    if (!buffer_.empty()) throw Failure("the connection ended inside a frame");
    return std::nullopt;
  }
  if (got->opcode == support::kPing) return told("ping", got->payload);
  if (got->opcode == support::kPong) return told("pong", got->payload);
  if (got->opcode == support::kClose) {
    const std::string& bytes = got->payload;
    if (bytes.size() < 2) return "close:none";
    return fmt::format("close:{}", static_cast<unsigned char>(bytes[0]) * 256 +
                                       static_cast<unsigned char>(bytes[1]));
  }
  if (!got->fin || got->opcode == support::kContinuation) throw Failure("a fragment");
  if (got->rsv != 0) {
    ++compressed_;
    got->payload = decompressor_->decompress(got->payload);
  }
  return told(got->opcode == support::kText ? "text" : "binary", got->payload);
}

std::string Peer::next() {
  auto found = read_next();
  return found ? *std::move(found) : "end";
}

Transcript Peer::rest() {
  Transcript all;
  while (auto found = read_next()) all.push_back(*std::move(found));
  return all;
}

Transcript Peer::finish() {
  send(close_frame(1000));
  return rest();
}

void check(const EchoServer& server, const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    CAPTURE(one.name);
    Peer whole(server);
    whole.send(one.sent);
    CHECK(whole.finish() == one.answers);
    Peer chopped(server);
    chopped.send_chopped(one.sent, one.sent.size() <= kOctetwise ? 1 : kPiece);
    CHECK(chopped.finish() == one.answers);
  }
}

Transcript and_1000(Transcript answers) {
  answers.emplace_back("close:1000");
  return answers;
}

}  // namespace fairlead::conformance
