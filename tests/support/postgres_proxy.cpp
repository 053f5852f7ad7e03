#include "support/postgres_proxy.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "support/failure.h"

namespace fairlead::support {
namespace {

constexpr std::string_view kSocket = ".s.PGSQL.5432";
/// ReadyForQuery (PostgreSQL's manual, "Message Formats"), but for its last byte.
constexpr std::string_view kReady("Z\0\0\0\5", 5);

sockaddr_un address_of(const std::filesystem::path& directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = (directory / kSocket).string();
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof address.sun_path - 1));
  return address;
}

int unix_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

bool write_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// What has come; empty at the end.
std::string read_some(int socket) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
  return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

}  // namespace

PostgresProxy::PostgresProxy(const std::filesystem::path& server)
    : server_(server), listener_(unix_socket()), wake_(::eventfd(0, EFD_CLOEXEC)) {
  const sockaddr_un address = address_of(directory_.path());
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 16) != 0) {
    throw Failure("the proxy of PostgreSQL cannot listen");
  }
  thread_ = std::thread([this] { run(); });
}

PostgresProxy::~PostgresProxy() {
  ::eventfd_write(wake_, 1);
  thread_.join();
  for (const Session& session : sessions_) close(session);
  ::close(listener_);
  ::close(wake_);
}

std::string PostgresProxy::url(const std::string& database) const {
  return fmt::format("postgresql:///{}?user=fairlead&host={}", database,
                     directory_.path().string());
}

void PostgresProxy::arm(Cut cut, int requests) {
  const std::lock_guard lock(mutex_);
  is_armed_ = true;
  has_cut_ = false;
  cut_ = cut;
  requests_ = requests;
}

bool PostgresProxy::has_cut() const {
  const std::lock_guard lock(mutex_);
  return has_cut_;
}

void PostgresProxy::run() {
  while (true) {
    std::vector<pollfd> wanted = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const Session& session : sessions_) {
      wanted.push_back({session.client, POLLIN, 0});
      wanted.push_back({session.server, POLLIN, 0});
    }
    ::poll(wanted.data(), wanted.size(), -1);
    if (wanted[0].revents != 0) return;
    std::vector<Session> kept;
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      const Session& session = sessions_[i];
      const bool lives = (wanted[2 + 2 * i].revents == 0 || pass_request(session)) &&
                         (wanted[3 + 2 * i].revents == 0 || pass_answer(session));
      if (lives) {
        kept.push_back(session);
      } else {
        close(session);
      }
    }
    sessions_ = std::move(kept);
    if (wanted[1].revents != 0) accept();
  }
}

void PostgresProxy::accept() {
  const Session session{.client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC),
                        .server = unix_socket()};
  const sockaddr_un address = address_of(server_);
  if (::connect(session.server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    sessions_.push_back(session);
  } else {
    close(session);
  }
}

/// False when the session is over.
bool PostgresProxy::pass_request(const Session& session) {
  const std::string bytes = read_some(session.client);
  if (bytes.empty()) return false;
  {
    const std::lock_guard lock(mutex_);
    const bool strikes = is_armed_ && requests_ == 0 && cut_ != Cut::kBeforeAnswer;
    if (strikes) {
      if (cut_ == Cut::kInRequest) {
        write_all(session.server, std::string_view(bytes).substr(0, bytes.size() / 2));
      }
      is_armed_ = false;
      has_cut_ = true;
      return false;
    }
  }
  return write_all(session.server, bytes);
}

bool PostgresProxy::pass_answer(const Session& session) {
  const std::string bytes = read_some(session.server);
  if (bytes.empty()) return false;
  {
    const std::lock_guard lock(mutex_);
    const int answers = answers_in(bytes);
    if (is_armed_ && requests_ == 0 && cut_ == Cut::kBeforeAnswer) {
      if (answers == 0) return true;
      is_armed_ = false;
      has_cut_ = true;
      return false;
    }
    if (is_armed_) requests_ = std::max(0, requests_ - answers);
  }
  return write_all(session.client, bytes);
}

int PostgresProxy::answers_in(std::string_view bytes) {
  const std::string text = std::exchange(tail_, {}) + std::string(bytes);
  int found = 0;
  std::size_t end = 0;
  for (std::size_t at = text.find(kReady); at != std::string::npos; at = text.find(kReady, end)) {
    ++found;
    end = at + kReady.size();
  }
  tail_ = text.substr(std::max(end, text.size() - std::min(text.size(), kReady.size() - 1)));
  return found;
}

void PostgresProxy::close(const Session& session) {
  ::close(session.client);
  ::close(session.server);
}

}  // namespace fairlead::support
