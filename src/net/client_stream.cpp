#include "net/client_stream.h"

#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <future>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace fairlead::net {

struct ClientStream::Tls {
  template <auto Free>
  struct Release {
    template <typename T>
    void operator()(T* object) const {
      Free(object);
    }
  };
  std::unique_ptr<SSL_CTX, Release<SSL_CTX_free>> context;
  std::unique_ptr<SSL, Release<SSL_free>> ssl;
};

namespace {

struct Place {
  sockaddr_storage address{};
  socklen_t size = 0;
  int family = 0;
};

using Places = std::vector<Place>;

std::unexpected<Error> failed(std::string_view what, std::string_view why) {
  return fail(Code::kOverloaded, "{}: {}", what, why);
}

std::string reason_of(int error) { return std::generic_category().message(error); }

/// Blocks for as long as the resolver likes.
Result<Places> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) return failed("looking up " + host, ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Places places;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    if (at->ai_addrlen > sizeof(sockaddr_storage)) continue;
    Place place{.size = at->ai_addrlen, .family = at->ai_family};
    std::memcpy(&place.address, at->ai_addr, at->ai_addrlen);
    places.push_back(place);
  }
  return places;
}

/// The resolver cannot be called off: it gets a thread of its own, which nobody waits for when it
/// takes too long. What it touches is its own.
Result<Places> resolve(const Url& url, const Patience& patience) {
  std::promise<Result<Places>> promise;
  std::future<Result<Places>> answer = promise.get_future();
  std::thread([promise = std::move(promise), host = url.host, port = url.port]() mutable {
    promise.set_value(look_up(host, port));
  }).detach();
  while (answer.wait_for(std::chrono::milliseconds(patience.slice_ms())) !=
         std::future_status::ready) {
    if (patience.is_over()) return failed("looking up " + url.host, "no answer in time");
  }
  return answer.get();
}

/// Until the socket can do what is asked; false when the patience is over.
bool wait_for(const Socket& socket, short what, const Patience& patience) {
  while (!patience.is_over()) {
    pollfd entry{.fd = socket.fd(), .events = what, .revents = 0};
    if (::poll(&entry, 1, patience.slice_ms()) > 0) return true;
  }
  return false;
}

Result<Socket> connect_to(const Place& place, const Patience& patience) {
  Socket socket(::socket(place.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return failed("connecting", reason_of(errno));
  const auto* const address = reinterpret_cast<const sockaddr*>(&place.address);
  if (::connect(socket.fd(), address, place.size) == 0) return socket;
  if (errno != EINPROGRESS) return failed("connecting", reason_of(errno));
  if (!wait_for(socket, POLLOUT, patience)) return failed("connecting", "no answer in time");
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return failed("connecting", reason_of(error));
  return socket;
}

std::string reason_of(SSL& ssl) {
  if (const long verdict = SSL_get_verify_result(&ssl); verdict != X509_V_OK) {
    return X509_verify_cert_error_string(verdict);
  }
  std::array<char, 256> text{};
  const unsigned long error = ERR_get_error();
  if (error == 0) return "connection lost";
  ERR_error_string_n(error, text.data(), text.size());
  return text.data();
}

/// Runs a TLS step until it is done; what it returned then, or an error.
template <typename Step>
Result<int> run(SSL& ssl, const Socket& socket, const Patience& patience, std::string_view what,
                Step step) {
  while (true) {
    ERR_clear_error();
    const int result = step();
    if (result > 0) return result;
    const int error = SSL_get_error(&ssl, result);
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      auto failure = failed(what, reason_of(ssl));
      ERR_clear_error();
      return failure;
    }
    const short wanted = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    if (!wait_for(socket, wanted, patience)) return failed(what, "no answer in time");
  }
}

/// The name, or the address, that the certificate must be for (RFC 9110, 4.3.4).
bool expect_host(SSL& ssl, const std::string& host) {
  X509_VERIFY_PARAM* const param = SSL_get0_param(&ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) == 1) return true;
  ERR_clear_error();
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(&ssl, host.c_str()) == 1 &&
         SSL_set_tlsext_host_name(&ssl, host.c_str()) == 1;
}

}  // namespace

ClientStream::ClientStream(Socket socket) : socket_(std::move(socket)) {}
ClientStream::~ClientStream() = default;
ClientStream::ClientStream(ClientStream&&) noexcept = default;
ClientStream& ClientStream::operator=(ClientStream&&) noexcept = default;

Result<ClientStream> ClientStream::connect(const Url& url, const std::string& ca_file,
                                           const Patience& patience) {
  const auto places = resolve(url, patience);
  if (!places) return std::unexpected(places.error());
  Result<Socket> socket = failed("looking up " + url.host, "no address");
  for (const Place& place : *places) {
    socket = connect_to(place, patience);
    if (socket || patience.is_over()) break;
  }
  if (!socket) return std::unexpected(std::move(socket.error()));
  ClientStream stream(std::move(*socket));
  if (url.is_tls) {
    if (auto begun = stream.begin_tls(url, ca_file, patience); !begun) {
      return std::unexpected(std::move(begun.error()));
    }
  }
  return stream;
}

Result<void> ClientStream::begin_tls(const Url& url, const std::string& ca_file,
                                     const Patience& patience) {
  tls_ = std::make_unique<Tls>();
  tls_->context.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = tls_->context.get();
  if (context == nullptr) return failed("TLS", "out of memory");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_default_verify_paths(context);
  if (!ca_file.empty() && SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
    ERR_clear_error();
    return failed("TLS", "no certificates in " + ca_file);
  }
  tls_->ssl.reset(SSL_new(context));
  SSL* const ssl = tls_->ssl.get();
  if (ssl == nullptr || SSL_set_fd(ssl, socket_.fd()) != 1 || !expect_host(*ssl, url.host)) {
    ERR_clear_error();
    return failed("TLS", "cannot be set up for " + url.host);
  }
  const auto shaken =
      run(*ssl, socket_, patience, "TLS handshake", [ssl] { return SSL_connect(ssl); });
  if (!shaken) return std::unexpected(shaken.error());
  if (*shaken == 0) return failed("TLS handshake", "closed by the server");
  return {};
}

Result<void> ClientStream::write(std::string_view bytes, const Patience& patience) {
  while (!bytes.empty()) {
    if (tls_ != nullptr) {
      SSL* const ssl = tls_->ssl.get();
      const auto sent = run(*ssl, socket_, patience, "sending", [&] {
        return SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size()));
      });
      if (!sent) return std::unexpected(sent.error());
      if (*sent == 0) return failed("sending", "closed by the server");
      bytes.remove_prefix(static_cast<std::size_t>(*sent));
      continue;
    }
    const ssize_t sent = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      return failed("sending", reason_of(errno));
    } else if (!wait_for(socket_, POLLOUT, patience)) {
      return failed("sending", "not taken in time");
    }
  }
  return {};
}

Result<std::size_t> ClientStream::read(std::span<char> into, const Patience& patience) {
  if (tls_ == nullptr) return read_plain(into, patience);
  SSL* const ssl = tls_->ssl.get();
  const auto got = run(*ssl, socket_, patience, "receiving",
                       [&] { return SSL_read(ssl, into.data(), static_cast<int>(into.size())); });
  if (!got) return std::unexpected(got.error());
  return static_cast<std::size_t>(*got);
}

Result<std::size_t> ClientStream::read_plain(std::span<char> into, const Patience& patience) const {
  while (true) {
    const ssize_t got = ::recv(socket_.fd(), into.data(), into.size(), 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EAGAIN && errno != EINTR) return failed("receiving", reason_of(errno));
    if (!wait_for(socket_, POLLIN, patience)) return failed("receiving", "no answer in time");
  }
}

}  // namespace fairlead::net
