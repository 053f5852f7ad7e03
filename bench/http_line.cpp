#include "bench/http_line.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <utility>

#include "bench/peers.h"

namespace fairlead::bench {

Result<HttpLine> HttpLine::open(int port, std::string token) {
  const auto fd = connected_socket(port);
  if (!fd) return std::unexpected(fd.error());
  return HttpLine(*fd, std::move(token));
}

HttpLine::HttpLine(HttpLine&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), token_(other.token_) {}

HttpLine::~HttpLine() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> HttpLine::ask(std::string_view target, std::string_view accept) {
  const std::string request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\nAccept: {}\r\n\r\n", target,
      token_, accept);
  if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return fail(Code::kInternal, "a request was not taken");
  }
  return {};
}

Result<std::size_t> HttpLine::read(std::string& into, std::size_t most) {
  const std::size_t before = into.size();
  into.resize(before + most);
  const ssize_t got = ::recv(fd_, into.data() + before, most, 0);
  into.resize(before + static_cast<std::size_t>(got > 0 ? got : 0));
  if (got < 0) return fail(Code::kInternal, "no answer in time");
  return static_cast<std::size_t>(got);
}

Result<std::string> HttpLine::get(std::string_view target) {
  constexpr std::size_t kPiece = 65'536;
  constexpr std::string_view kLength = "Content-Length: ";
  if (auto asked = ask(target, "application/json"); !asked) return std::unexpected(asked.error());
  std::string answer;
  std::size_t whole = std::string::npos;
  std::size_t head = 0;
  while (answer.size() < whole) {
    const auto got = read(answer, kPiece);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return fail(Code::kInternal, "the answer is cut off");
    if (whole != std::string::npos) continue;
    const std::size_t end = answer.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    head = end + 4;
    const std::size_t at = answer.find(kLength);
    std::size_t length = 0;
    if (!answer.starts_with("HTTP/1.1 200") || at == std::string::npos || at > end) {
      return fail(Code::kInternal, "the hub answered {}", answer.substr(0, 200));
    }
    std::from_chars(answer.data() + at + kLength.size(), answer.data() + end, length);
    whole = head + length;
  }
  return answer.substr(head);
}

}  // namespace fairlead::bench
