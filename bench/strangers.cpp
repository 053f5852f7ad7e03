#include "bench/strangers.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "auth/base64url.h"
#include "bench/peers.h"

namespace fairlead::bench {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::size_t kHs256Bytes = 32;
constexpr std::size_t kEs384Bytes = 96;

}  // namespace

Strangers::Strangers(int port, std::string path, std::string algorithm, int per_second)
    : port_(port),
      path_(std::move(path)),
      algorithm_(std::move(algorithm)),
      per_second_(per_second) {}

Strangers::~Strangers() {
  for (const int fd : waiting_) close(fd);
}

std::string Strangers::next_token() {
  const std::string head = fmt::format(R"({{"alg":"{}","typ":"JWT"}})", algorithm_);
  const std::string claims = fmt::format(R"({{"sub":"s-{}","exp":4102444800}})", sent_);
  // Any r and s below the order of the curve are looked at in earnest.
  std::mt19937_64 random(static_cast<std::uint64_t>(sent_) + 1);
  std::string signature(algorithm_ == "HS256" ? kHs256Bytes : kEs384Bytes, '\0');
  for (char& each : signature) each = static_cast<char>(random() & 0x7FU);
  return auth::encode_base64url(head) + "." + auth::encode_base64url(claims) + "." +
         auth::encode_base64url(signature);
}

Result<void> Strangers::send_one() {
  const auto fd = connected_socket(port_);
  if (!fd) return std::unexpected(fd.error());
  waiting_.push_back(*fd);
  const std::string request = handshake_request(path_, next_token());
  if (::send(*fd, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return fail(Code::kInternal, "cannot send the handshake: {}", std::strerror(errno));
  }
  return {};
}

Result<void> Strangers::step() {
  const std::int64_t now = now_ns();
  if (began_ns_ == 0) began_ns_ = now;
  for (; sent_ < (now - began_ns_) * per_second_ / kNsPerSecond; ++sent_) {
    if (auto sent = send_one(); !sent) return sent;
  }
  std::string refused;
  std::erase_if(waiting_, [&](int fd) {
    char buffer[512];
    const ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return false;
    const std::string_view answer(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
    if (!answer.starts_with("HTTP/1.1 401")) refused = answer.substr(0, 200);
    ++answered_;
    close(fd);
    return true;
  });
  if (!refused.empty()) return fail(Code::kInternal, "no 401 but {}", refused);
  return {};
}

}  // namespace fairlead::bench
