#include "support/http_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "support/failure.h"
#include "support/spec.h"

namespace fairlead::support {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::size_t number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) {
    throw Failure(fmt::format("not a length: \"{}\"", text));
  }
  return value;
}

}  // namespace

std::string HttpResponse::header(std::string_view name) const {
  const auto found =
      std::ranges::find_if(headers, [&](const auto& header) { return header.first == name; });
  return found == headers.end() ? std::string{} : found->second;
}

Json HttpResponse::json() const {
  try {
    return Json::parse(body);
  } catch (const Failure& failure) {
    throw Failure(fmt::format("status {}: {}", status, failure.what()));
  }
}

HttpConnection::HttpConnection(std::uint16_t port, const std::optional<TlsOptions>& tls)
    : socket_(port) {
  if (tls) socket_.start_tls(*tls);
}

void HttpConnection::send(std::string_view bytes) { socket_.send(bytes); }

void HttpConnection::need(bool arrived) const {
  if (!arrived) throw Failure(fmt::format("the connection ended after \"{}\"", buffer_));
}

std::string HttpConnection::take_line(Deadline deadline) {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    need(socket_.receive(buffer_, deadline));
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

std::string HttpConnection::take(std::size_t bytes, Deadline deadline) {
  while (buffer_.size() < bytes) need(socket_.receive(buffer_, deadline));
  std::string taken = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return taken;
}

std::string HttpConnection::take_chunks(Deadline deadline) {
  std::string body;
  while (const std::size_t size = number(take_line(deadline), 16)) {
    body += take(size, deadline);
    take_line(deadline);
  }
  while (!take_line(deadline).empty()) {
  }
  return body;
}

HttpResponse HttpConnection::receive(bool to_head, Deadline deadline) {
  HttpResponse response;
  const std::string status = take_line(deadline);
  if (!status.starts_with("HTTP/1.1 ") || status.size() < 12) {
    throw Failure(fmt::format("not a status line: \"{}\"", status));
  }
  response.status = static_cast<int>(number(std::string_view(status).substr(9, 3), 10));
  for (std::string line; !(line = take_line(deadline)).empty();) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) throw Failure(fmt::format("not a header: \"{}\"", line));
    const auto value = line.find_first_not_of(" \t", colon + 1);
    response.headers.emplace_back(lower(std::string_view(line).substr(0, colon)),
                                  value == std::string::npos ? "" : line.substr(value));
  }
  if (to_head || response.status < 200 || response.status == 204 || response.status == 304) {
    return response;
  }
  if (lower(response.header("transfer-encoding")) == "chunked") {
    response.body = take_chunks(deadline);
  } else if (const auto length = response.header("content-length"); !length.empty()) {
    response.body = take(number(length, 10), deadline);
  } else {
    while (socket_.receive(buffer_, deadline)) {
    }
    response.body = std::exchange(buffer_, {});
  }
  return response;
}

bool HttpConnection::is_closed_by_peer(Deadline deadline) {
  return buffer_.empty() && !socket_.receive(buffer_, deadline);
}

HttpResponse HttpClient::request(std::string_view method, std::string_view target,
                                 std::optional<std::string> body, std::vector<std::string> headers,
                                 Deadline deadline) const {
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n",
                                 method, target, port_);
  if (!token_.empty()) text += fmt::format("Authorization: Bearer {}\r\n", token_);
  for (const std::string& header : headers) text += header + "\r\n";
  if (body) {
    text += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body->size());
  }
  text += "\r\n";
  if (body) text += *body;
  HttpConnection connection(port_, tls_);
  connection.send(text);
  try {
    HttpResponse response = connection.receive(method == "HEAD", deadline);
    if (const auto problem = spec_problem(method, target, response)) {
      throw Failure(fmt::format("{}\n{} {}", *problem, response.status, response.body));
    }
    return response;
  } catch (const Failure& failure) {
    throw Failure(fmt::format("{} {}: {}", method, target, failure.what()));
  }
}

HttpResponse HttpClient::get(std::string_view target, std::vector<std::string> headers) const {
  return request("GET", target, std::nullopt, std::move(headers));
}

HttpResponse HttpClient::head(std::string_view target) const {
  return request("HEAD", target, std::nullopt);
}

HttpResponse HttpClient::post(std::string_view target, const Json& body) const {
  return request("POST", target, body.dump());
}

HttpResponse HttpClient::put(std::string_view target, const Json& body) const {
  return request("PUT", target, body.dump());
}

HttpResponse HttpClient::patch(std::string_view target, const Json& body) const {
  return request("PATCH", target, body.dump());
}

HttpResponse HttpClient::del(std::string_view target) const {
  return request("DELETE", target, std::nullopt);
}

Json::Array HttpClient::list(std::string_view target, int limit) const {
  Json::Array all;
  std::string cursor;
  do {
    const char separator = target.find('?') == std::string_view::npos ? '?' : '&';
    std::string page = fmt::format("{}{}limit={}", target, separator, limit);
    if (!cursor.empty()) page += "&cursor=" + path_segment(cursor);
    const HttpResponse response = get(page);
    if (response.status != 200) {
      throw Failure(fmt::format("GET {}: {} {}", page, response.status, response.body));
    }
    const Json json = response.json();
    const auto& items = json["items"].items();
    if (items.size() > static_cast<std::size_t>(limit)) throw Failure("a page over its limit");
    all.insert(all.end(), items.begin(), items.end());
    cursor = json["next_cursor"].is_null() ? "" : json["next_cursor"].as_string();
  } while (!cursor.empty());
  return all;
}

std::string path_segment(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

}  // namespace fairlead::support
