#include "bench/lab.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "auth/mint.h"
#include "bench/tls_line.h"

namespace fairlead::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kTokenLifeMs = 12 * 3600 * 1000;

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Result<std::unique_ptr<Lab>> Lab::open(const Choices& choices) {
  std::unique_ptr<Lab> lab(new Lab(choices));
  lab->directory_ = fmt::format("{}/{}", choices.data_directory, getpid());
  std::error_code error;
  fs::create_directories(lab->directory_, error);
  if (error) return fail(Code::kInternal, "cannot make {}: {}", lab->directory_, error.message());
  lab->secret_ = "a secret of the benchmark, in nobody else's use";
  lab->secret_file_ = lab->directory_ + "/secret";
  std::ofstream(lab->secret_file_) << lab->secret_ << '\n';
  chmod(lab->secret_file_.c_str(), 0600);
  return lab;
}

Lab::~Lab() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

std::string Lab::fresh_path() {
  std::error_code ignored;
  // What the last measurement left is of no use, and big.
  fs::remove_all(fmt::format("{}/{}", directory_, paths_given_), ignored);
  return fmt::format("{}/{}", directory_, ++paths_given_);
}

Result<std::unique_ptr<Child>> Lab::start_tls_hub() {
  const auto identity = TlsIdentity::make(directory_);
  if (!identity) return std::unexpected(identity.error());
  return start_hub(
      {"http.tls_cert=" + identity->certificate_file, "http.tls_key=" + identity->key_file});
}

Result<std::unique_ptr<Child>> Lab::start_hub(const std::vector<std::string>& settings) {
  return start_hub_on(fresh_path(), settings);
}

Result<std::unique_ptr<Child>> Lab::start_hub_on(const std::string& data,
                                                 const std::vector<std::string>& settings) {
  std::vector<std::string> argv = {choices_.hub_binary, "serve",     "--listen",
                                   "127.0.0.1:0",       "--data",    data,
                                   "--jwt-secret-file", secret_file_};
  for (const char* setting :
       {"limits.messages_per_second=1000000", "limits.burst=1000000", "limits.connections=100000",
        "limits.connections_per_principal=0", "log.level=warn"}) {
    argv.emplace_back("--set");
    argv.emplace_back(setting);
  }
  for (const std::string& setting : settings) {
    argv.emplace_back("--set");
    argv.push_back(setting);
  }
  auto hub = Child::start(argv, directory_ + "/hub.log");
  if (hub) hub_ = (*hub)->pid();
  return hub;
}

Result<std::unique_ptr<Child>> Lab::start_echo(int shards) {
  return Child::start({choices_.floor_directory + "/fairlead-echo", "--listen", "127.0.0.1:0",
                       "--shards", std::to_string(shards)},
                      directory_ + "/echo.log");
}

Result<std::unique_ptr<Child>> Lab::start_compared(std::vector<std::string> argv) {
  const bool is_script = argv.front().ends_with(".mjs");
  argv.front() =
      (is_script ? choices_.compare_directory : choices_.floor_directory) + "/" + argv.front();
  if (is_script) argv.insert(argv.begin(), {"/usr/bin/env", "node"});
  return Child::start(argv, directory_ + "/compared.log");
}

Result<std::unique_ptr<Child>> Lab::start_floor(const std::string& name) {
  return Child::start({choices_.floor_directory + "/floor-" + name}, directory_ + "/floor.log");
}

Result<Lab::Append> Lab::append(std::int64_t samples, std::int64_t group) {
  const std::string directory = fresh_path();
  fs::create_directory(directory);
  const auto output =
      Child::output_of({choices_.floor_directory + "/floor-append", directory + "/samples.db",
                        std::to_string(samples), std::to_string(group)});
  if (!output) return std::unexpected(output.error());
  const auto number_of = [&](std::string_view name) {
    const std::string key = fmt::format("\"{}\":", name);
    const std::size_t at = output->find(key);
    return at == std::string::npos ? 0.0 : std::strtod(output->c_str() + at + key.size(), nullptr);
  };
  return Append{.cpu_us_per_sample = number_of("cpu_us_per_sample"),
                .commit_us_p50 = number_of("commit_us_p50"),
                .commit_us_p99 = number_of("commit_us_p99")};
}

void Lab::begin_profile(const Child& server) {
  if (!choices_.wants_profile || server.pid() != hub_ || !profile_text_.empty()) return;
  profile_.emplace(server.pid(), directory_ + "/perf.data");
}

void Lab::end_profile() {
  if (!profile_) return;
  const auto report = profile_->report();
  profile_text_ = report ? *report : "no profile: " + report.error().message + "\n";
  profile_.reset();
}

Result<std::string> Lab::es384_key_file() {
  std::string path = directory_ + "/es384.pem";
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-384"),
                                                                &EVP_PKEY_free);
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "w"), &std::fclose);
  if (!file || PEM_write_PUBKEY(file.get(), key.get()) != 1) {
    return fail(Code::kInternal, "cannot write {}", path);
  }
  return path;
}

std::string Lab::device_token(const std::string& id) const {
  return auth::mint_hs256(secret_,
                          {.sub = id, .kind = "device", .expires_at_ms = wall_ms() + kTokenLifeMs});
}

std::string Lab::client_token() const {
  return auth::mint_hs256(secret_, {.sub = "bench",
                                    .kind = "client",
                                    .scope = "telemetry:read device:read command:read command:send",
                                    .expires_at_ms = wall_ms() + kTokenLifeMs});
}

}  // namespace fairlead::bench
