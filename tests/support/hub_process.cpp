#include "support/hub_process.h"

#include <fmt/format.h>
#include <signal.h>

#include <atomic>
#include <charconv>
#include <optional>

#include "support/failure.h"

namespace fairlead::support {
namespace {

std::uint16_t port_of(std::string_view ready_line) {
  constexpr std::string_view kReady = "://127.0.0.1:";
  std::uint16_t port = 0;
  const auto at = ready_line.find(kReady);
  const auto scheme = ready_line.substr(0, at);
  if (scheme == "fairlead listening on http" || scheme == "fairlead listening on https") {
    const auto digits = ready_line.substr(at + kReady.size());
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (read.ec == std::errc{} && read.ptr == digits.data() + digits.size()) return port;
  }
  throw Failure(fmt::format("not a ready line: \"{}\"", ready_line));
}

}  // namespace

std::filesystem::path fairlead_binary() { return FAIRLEAD_BINARY; }

std::filesystem::path source_dir() { return FAIRLEAD_SOURCE_DIR; }

HubProcess::HubProcess(HubOptions options) : options_(std::move(options)) {
  dir_.write("secret", kSecret);
  if (options_.with_tls) write_identity(authority_.issue());
  start();
}

std::vector<std::string> HubProcess::arguments() const {
  std::vector<std::string> arguments = {"serve", "--listen",          "127.0.0.1:0", "--data",
                                        data(),  "--jwt-secret-file", secret_file()};
  for (const std::string& setting : options_.settings) {
    arguments.emplace_back("--set");
    arguments.push_back(setting);
  }
  if (options_.with_tls) {
    for (const auto* name : {"tls_cert", "tls_key"}) {
      arguments.emplace_back("--set");
      arguments.push_back(fmt::format("http.{}={}", name, (dir_.path() / name).string()));
    }
  }
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  return arguments;
}

std::optional<TlsOptions> HubProcess::tls() const {
  if (!options_.with_tls) return std::nullopt;
  return TlsOptions{.roots = authority_.certificate()};
}

void HubProcess::write_identity(const Identity& identity) const {
  dir_.write("tls_cert", identity.certificate);
  dir_.write("tls_key", identity.key);
}

void HubProcess::start() {
  process_ = std::make_unique<Process>(fairlead_binary(), arguments());
  port_ = port_of(process_->read_line(Deadline{kStartPatience}));
}

void HubProcess::kill() {
  process_->signal(SIGKILL);
  process_->wait();
}

int HubProcess::stop() {
  process_->signal(SIGTERM);
  return process_->wait(Deadline{kStartPatience});
}

void HubProcess::restart() {
  kill();
  start();
}

WsClient HubProcess::device(std::string_view id, std::string_view tenant) const {
  WsClient client(port_, {.token = sign(Token::device(id).tenant(tenant)), .tls = tls()});
  client.expect("welcome");
  return client;
}

WsClient HubProcess::client(const Token& token) const {
  WsClient client(port_, {.token = sign(token), .tls = tls()});
  client.expect("welcome");
  return client;
}

WsClient HubProcess::client(std::string_view tenant) const {
  return client(Token::client(unique("client")).tenant(tenant).may_do_all());
}

HttpClient HubProcess::http(const Token& token) const {
  return HttpClient(port_, sign(token), tls());
}

HttpClient HubProcess::http(std::string_view tenant) const {
  return http(Token::client(unique("client")).tenant(tenant).may_do_all());
}

std::string unique(std::string_view name) {
  static std::atomic<int> last = 0;
  return fmt::format("{}-{}", name, ++last);
}

}  // namespace fairlead::support
