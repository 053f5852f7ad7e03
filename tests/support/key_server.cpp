#include "support/key_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

#include "support/failure.h"

namespace fairlead::support {
namespace {

constexpr int kSliceMs = 20;

int listen_on(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd, 64) != 0) {
    throw Failure("cannot listen on port " + std::to_string(port));
  }
  return fd;
}

std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace

struct KeyServer::Client {
  Client(int fd_in, SSL_CTX* context) : fd(fd_in) {
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (context == nullptr) return;
    ssl.reset(SSL_new(context));
    SSL_set_fd(ssl.get(), fd);
    is_open = SSL_accept(ssl.get()) == 1;
  }
  ~Client() {
    if (ssl != nullptr && is_open) SSL_shutdown(ssl.get());
    ::close(fd);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ssl != nullptr
                            ? static_cast<ssize_t>(SSL_write(ssl.get(), bytes.data(),
                                                             static_cast<int>(bytes.size())))
                            : ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return is_open = false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  std::string receive_head() {
    std::string head;
    std::array<char, 2048> buffer{};
    while (is_open && head.find("\r\n\r\n") == std::string::npos) {
      const auto got = ssl != nullptr
                           ? static_cast<ssize_t>(SSL_read(ssl.get(), buffer.data(),
                                                           static_cast<int>(buffer.size())))
                           : ::recv(fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      head.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return head;
  }

  int fd;
  bool is_open = true;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, &SSL_free};
};

KeyServer::KeyServer(std::string keys, Tls tls) : keys_(std::move(keys)) {
  if (tls != Tls::kNo) {
    make_certificate(tls == Tls::kForLocalhost ? "localhost" : "elsewhere.example");
  }
  listener_ = listen_on(0);
  port_ = port_of(listener_);
  thread_ = std::thread([this] { run(); });
}

KeyServer::~KeyServer() {
  is_stopping_ = true;
  thread_.join();
  if (listener_ >= 0) ::close(listener_);
}

void KeyServer::make_certificate(const char* host) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), &EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), &X509_free);
  X509* const x509 = certificate.get();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 86'400);
  X509_set_pubkey(x509, key.get());
  X509_NAME* const name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("keys"), -1, -1, 0);
  X509_set_issuer_name(x509, name);
  const std::string names = std::string("DNS:") + host;
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()),
      &X509_EXTENSION_free);
  X509_add_ext(x509, extension.get(), -1);
  X509_sign(x509, key.get(), EVP_sha256());
  tls_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(tls_.get(), x509);
  SSL_CTX_use_PrivateKey(tls_.get(), key.get());
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> out(BIO_new_file(ca_file().c_str(), "w"),
                                                          &BIO_free_all);
  if (PEM_write_bio_X509(out.get(), x509) != 1) throw Failure("cannot write a certificate");
}

std::string KeyServer::url() const {
  return tls_ != nullptr ? fmt::format("https://localhost:{}/keys", port_)
                         : fmt::format("http://127.0.0.1:{}/keys", port_);
}

void KeyServer::set_keys(std::string keys) {
  const std::scoped_lock lock(mutex_);
  keys_ = std::move(keys);
}

void KeyServer::set_headers(std::string headers) {
  const std::scoped_lock lock(mutex_);
  headers_ = std::move(headers);
}

std::string KeyServer::last_request() const {
  const std::scoped_lock lock(mutex_);
  return last_request_;
}

void KeyServer::stop_listening() {
  is_stopping_ = true;
  thread_.join();
  ::close(listener_);
  listener_ = -1;
}

void KeyServer::listen_again() {
  listener_ = listen_on(port_);
  is_stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void KeyServer::run() {
  while (!is_stopping_) {
    pollfd entry{.fd = listener_, .events = POLLIN, .revents = 0};
    if (::poll(&entry, 1, kSliceMs) <= 0) continue;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    Client client(fd, tls_.get());
    serve(client);
  }
}

std::string KeyServer::answer() {
  const std::scoped_lock lock(mutex_);
  const std::string start = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + headers_;
  const auto whole = [&](std::string_view body) {
    return fmt::format("{}Content-Length: {}\r\n\r\n{}", start, body.size(), body);
  };
  switch (serving_.load()) {
    case Serving::kKeys:
    case Serving::kDrip:
    case Serving::kSilence:
    case Serving::kHangUp:
      return whole(keys_);
    case Serving::kKeysInChunks:
      return fmt::format(
          "{}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n", start, 5,
          keys_.substr(0, 5), keys_.size() - 5, keys_.substr(5));
    case Serving::kError500:
      return "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
    case Serving::kRedirect:
      return "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n";
    case Serving::kGarbage:
      return whole("<html>keys have moved</html>");
    case Serving::kHuge:
      return whole(std::string(3'000'000, ' '));
    case Serving::kCutOff:
      return whole(keys_).substr(0, whole(keys_).size() - 10);
  }
  return {};
}

void KeyServer::serve(Client& client) {
  const std::string head = client.receive_head();
  if (head.empty()) return;
  {
    const std::scoped_lock lock(mutex_);
    last_request_ = head;
  }
  const Serving serving = serving_;
  const std::string text = answer();
  ++requests_;
  if (serving == Serving::kHangUp) return;
  const auto is_so = [this, serving] { return !is_stopping_ && serving_ == serving; };
  while (serving == Serving::kSilence && is_so()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kSliceMs));
  }
  for (std::size_t i = 0; serving == Serving::kDrip && i + 1 < text.size() && is_so(); ++i) {
    if (!client.send(text.substr(i, 1))) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(kSliceMs));
  }
  if (serving != Serving::kSilence && serving != Serving::kDrip) client.send(text);
}

}  // namespace fairlead::support
