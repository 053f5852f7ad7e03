#include "support/ws_client.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "support/failure.h"
#include "support/spec.h"

namespace fairlead::support {
namespace {

constexpr std::size_t kRemembered = 30;

std::string upgrade_request(std::uint16_t port, const WsOptions& options, std::string_view key) {
  std::string text = fmt::format(
      "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
      options.path, port, key);
  if (!options.token.empty()) text += fmt::format("Authorization: Bearer {}\r\n", options.token);
  if (!options.protocols.empty()) {
    text += fmt::format("Sec-WebSocket-Protocol: {}\r\n", fmt::join(options.protocols, ", "));
  }
  if (!options.extensions.empty()) {
    text += fmt::format("Sec-WebSocket-Extensions: {}\r\n", options.extensions);
  }
  for (const std::string& header : options.headers) text += header + "\r\n";
  return text + "\r\n";
}

}  // namespace

HttpResponse upgrade(std::uint16_t port, const WsOptions& options) {
  HttpConnection connection(port, options.tls);
  connection.send(upgrade_request(port, options, random_key()));
  return connection.receive();
}

WsClient::WsClient(std::uint16_t port, WsOptions options, Where where)
    : socket_(port, options.receive_buffer_bytes), answers_pings_(options.answers_pings) {
  socket_.send(options.preamble);
  if (options.tls) socket_.start_tls(*options.tls);
  const std::string key = random_key();
  socket_.send(upgrade_request(port, options, key));
  const Deadline deadline;
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill(deadline, where)) fail_gone("the upgrade was not answered: " + buffer_);
  }
  const std::string head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  if (!head.starts_with("HTTP/1.1 101 ")) {
    fail(where, fmt::format("the upgrade was refused: {}{}", head, buffer_));
  }
  if (head.find(accept_for(key)) == std::string::npos) fail(where, "a wrong accept key: " + head);
  const auto value_of = [&head](std::string_view name) -> std::string {
    const auto at = head.find(name);
    if (at == std::string::npos) return {};
    const auto from = at + name.size();
    return head.substr(from, head.find("\r\n", from) - from);
  };
  protocol_ = value_of("\r\nSec-WebSocket-Protocol: ");
  extensions_ = value_of("\r\nSec-WebSocket-Extensions: ");
  if (!extensions_.empty()) decompressor_ = std::make_unique<Decompressor>(extensions_);
}

std::string WsClient::with_log(const std::string& text) const {
  return fmt::format("{}\n--- received, oldest first:\n{}", text, fmt::join(log_, "\n"));
}

void WsClient::fail(const Where& where, const std::string& text) const {
  fail_at(where, with_log(text));
}

void WsClient::fail_gone(const std::string& text) const { throw Disconnected(with_log(text)); }

void WsClient::remember(std::string_view what) {
  log_.emplace_back(what.substr(0, 1000));
  if (log_.size() > kRemembered) log_.pop_front();
}

bool WsClient::fill(Deadline deadline, const Where& where) {
  try {
    return socket_.receive(buffer_, deadline);
  } catch (const Failure& failure) {
    fail(where, failure.what());
  }
}

Frame WsClient::next_frame(Deadline deadline, const Where& where) {
  while (true) {
    try {
      auto frame = take_frame(buffer_, decompressor_ ? kRsv1 : 0);
      if (frame && frame->rsv != 0) {
        compressed_.push_back(frame->payload.size());
        frame->payload = decompressor_->decompress(frame->payload);
        frame->rsv = 0;
      }
      if (frame) return *std::move(frame);
    } catch (const Failure& failure) {
      fail(where, failure.what());
    }
    if (!fill(deadline, where)) return {.opcode = kClose, .fin = false, .payload = ""};
  }
}

// The next whole message or the end, with pings answered. A close without a frame is 1006.
WsClient::Arrived WsClient::next(Deadline deadline, const Where& where) {
  std::string joined;
  bool inside = false;
  while (true) {
    Frame frame = next_frame(deadline, where);
    if (frame.opcode == kClose) {
      if (!frame.fin) frame.payload = "\x03\xEE";
      remember(fmt::format("(close, {} bytes)", frame.payload.size()));
      return {.is_close = true, .payload = std::move(frame.payload)};
    }
    if (frame.opcode == kPing && answers_pings_) {
      send_frame({.opcode = kPong, .payload = frame.payload});
    }
    if (frame.opcode == kPing || frame.opcode == kPong) continue;
    if (frame.opcode == kBinary) fail(where, "a binary frame");
    if ((frame.opcode == kContinuation) != inside) fail(where, "a continuation out of place");
    joined += frame.payload;
    inside = !frame.fin;
    if (frame.fin) {
      remember(joined);
      return {.is_close = false, .payload = std::move(joined)};
    }
  }
}

Json WsClient::next_json(Deadline deadline, const Where& where) {
  const Arrived arrived = next(deadline, where);
  if (arrived.is_close) {
    send_close(1000);
    const auto& bytes = arrived.payload;
    const int code = bytes.size() < 2 ? 1005
                                      : static_cast<unsigned char>(bytes[0]) * 256 +
                                            static_cast<unsigned char>(bytes[1]);
    if (code == 1006) fail_gone("the connection was lost instead of a message");
    fail(where, fmt::format("closed with {} \"{}\" instead of a message", code,
                            bytes.size() < 2 ? "" : bytes.substr(2)));
  }
  try {
    Json json = Json::parse(arrived.payload);
    if (!json["type"].is_string()) throw Failure("a message without a type: " + arrived.payload);
    if (const auto problem = spec_problem(json)) throw Failure(*problem + "\n" + arrived.payload);
    return json;
  } catch (const Failure& failure) {
    fail(where, failure.what());
  }
}

Json WsClient::receive(Where where) {
  if (kept_.empty()) return next_json(Deadline{}, where);
  Json first = std::move(kept_.front());
  kept_.pop_front();
  return first;
}

Json WsClient::expect(std::string_view type, Where where) {
  Json message = receive(where);
  if (message["type"] == type) return message;
  fail(where, fmt::format("\"{}\" was awaited, this came: {}", type, message.dump()));
}

Json WsClient::expect_until(const Predicate& fits, Where where) {
  // Each message has its own patience: a long stream is not a silent one.
  while (true) {
    Json message = receive(where);
    if (fits(message)) return message;
  }
}

Json WsClient::expect_until(std::string_view type, Where where) {
  return expect_until([&](const Json& message) { return message["type"] == type; }, where);
}

Json WsClient::expect_error(std::string_view code, Where where) {
  Json message = expect("error", where);
  if (message["code"] == code && message["message"].is_string()) return message;
  fail(where, fmt::format("an error \"{}\" was awaited, this came: {}", code, message.dump()));
}

Closed WsClient::expect_close(int code, Where where) {
  kept_.clear();
  while (true) {
    const Arrived arrived = next(Deadline{}, where);
    if (!arrived.is_close) continue;
    Closed closed{.code = 1005, .reason = ""};
    if (arrived.payload.size() >= 2) {
      closed.code = static_cast<unsigned char>(arrived.payload[0]) * 256 +
                    static_cast<unsigned char>(arrived.payload[1]);
      closed.reason = arrived.payload.substr(2);
    }
    if (closed.code != 1006) send_close(closed.code == 1005 ? 1000 : closed.code);
    if (closed.code == code) return closed;
    fail(where, fmt::format("close {} was awaited, this came: {} \"{}\"", code, closed.code,
                            closed.reason));
  }
}

Frame WsClient::receive_frame(Where where) { return next_frame(Deadline{}, where); }

void WsClient::send_close(int code, std::string_view reason) {
  std::string payload{static_cast<char>(code / 256), static_cast<char>(code % 256)};
  send_frame({.opcode = kClose, .payload = payload.append(reason)});
}

Json WsClient::request(Json message, Where where) {
  if (!message["id"].exists()) message = message.with("id", fmt::format("r{}", ++last_id_));
  const Json id = message["id"];
  send(message);
  while (true) {
    Json answer = next_json(Deadline{}, where);
    const Json& type = answer["type"];
    const bool is_reply = type == "ack" || type == "error" || type == "heartbeat";
    if (is_reply && answer["id"] == id) return answer;
    kept_.push_back(std::move(answer));
  }
}

Json WsClient::ack(Json message, Where where) {
  Json answer = request(message, where);
  if (answer["type"] == "ack") return answer;
  fail(where, fmt::format("{} was not acked: {}", message.dump(), answer.dump()));
}

Json WsClient::refused(std::string_view code, Json message, Where where) {
  Json answer = request(message, where);
  if (answer["type"] == "error" && answer["code"] == code && answer["message"].is_string()) {
    return answer;
  }
  fail(where, fmt::format("{} was to be refused with \"{}\", this came: {}", message.dump(), code,
                          answer.dump()));
}

void WsClient::expect_nothing(Where where) {
  request(obj("type", "heartbeat"), where);
  if (!kept_.empty()) fail(where, "nothing was awaited, this came: " + kept_.front().dump());
}

void WsClient::close(Where where) {
  send_close(1000);
  expect_close(1000, where);
}

}  // namespace fairlead::support
