#include "app/serve.h"

#include <fmt/core.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "app/composition.h"
#include "app/descriptors.h"
#include "app/keys.h"
#include "app/log.h"
#include "app/store_settings.h"
#include "auth/mint.h"
#include "auth/principal.h"
#include "auth/secret_file.h"
#include "embedded/version.h"

namespace fairlead::app {
namespace {

/// Time for answers to what was taken; then connections are closed, whatever they are owed.
constexpr std::int64_t kAnswerMs = 4000;
/// All of a drain; supervisors wait 10 s.
constexpr std::int64_t kDrainMs = 8000;
constexpr std::int64_t kDevTokenMs = 12LL * 60 * 60 * 1000;

int refuse(const Error& error) {
  fmt::print(stderr, "fairlead: {}\n", error.message);
  return 1;
}

/// Blocks the signals that the main thread waits for, in every thread to come.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  // A file that may not grow is a failed write, not the end.
  signal(SIGXFSZ, SIG_IGN);
  return signals;
}

bool is_end(int signal_number) { return signal_number == SIGTERM || signal_number == SIGINT; }

Result<void> prepare_dev(Settings& settings) {
  if (settings.data_dir.empty()) {
    return fail(Code::kInvalid, "--dev: no directory for its secret: give --data DIR (store.data)");
  }
  std::error_code error;
  std::filesystem::create_directory(settings.data_dir, error);
  if (error) {
    return fail(Code::kInvalid, "cannot make {}: {}", settings.data_dir, error.message());
  }
  if (!settings.jwt_secret_file.empty()) return {};
  auto secret = make_dev_secret(settings.data_dir);
  if (!secret) return std::unexpected(secret.error());
  settings.jwt_secret_file = *secret;
  return {};
}

/// The dashboard with a token for everything, in the part of the link that is sent to no server.
void print_dev_link(const Settings& settings, const Clock& clock, const std::string& site) {
  const auto secret = auth::read_secret_file(settings.jwt_secret_file);
  if (!secret) return;
  auth::TokenClaims claims{
      .sub = "dashboard", .kind = "client", .tenant = "", .scope = auth::Scopes::all().to_claim()};
  claims.issued_at_ms = clock.now_ms();
  claims.expires_at_ms = clock.now_ms() + kDevTokenMs;
  fmt::print("dashboard: {}/#token={}\n", site, auth::mint_hs256(*secret, claims));
  std::fflush(stdout);
}

int run_until_signal(Hub& hub, const sigset_t& signals, const Clock& clock) {
  int signal_number = 0;
  while (sigwait(&signals, &signal_number) != 0 || !is_end(signal_number)) {
    if (signal_number == SIGHUP) hub.reload();
  }
  spdlog::info("draining: a second signal ends at once");
  hub.drain(kAnswerMs);
  const std::int64_t give_up = clock.steady_ms() + kDrainMs;
  // Looked at more than once: an answer may be on its way from the store to its shard.
  int quiet_looks = 0;
  while (quiet_looks < 3 && clock.steady_ms() < give_up) {
    quiet_looks = hub.is_drained() ? quiet_looks + 1 : 0;
    const timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
    if (is_end(sigtimedwait(&signals, nullptr, &pause))) {
      spdlog::warn("ended by a second signal");
      std::_Exit(1);
    }
  }
  hub.stop();
  spdlog::info("stopped");
  return 0;
}

}  // namespace

int serve(Settings settings) {
  if (auto checked = check_store(settings); !checked) return refuse(checked.error());
  const SystemClock clock;
  const bool is_dev = settings.is_dev;
  if (is_dev) {
    if (auto prepared = prepare_dev(settings); !prepared) return refuse(prepared.error());
  }
  start_log(settings);
  const std::size_t descriptors = raise_descriptor_limit();
  const sigset_t signals = block_signals();
  const Settings in_force = settings;
  auto hub = Hub::open(std::move(settings), clock);
  if (!hub) return refuse(hub.error());
  if (auto started = (*hub)->start(); !started) return refuse(started.error());
  const std::string site =
      fmt::format("{}://{}", (*hub)->speaks_tls() ? "https" : "http", (*hub)->address());
  fmt::print("fairlead listening on {}\n", site);
  std::fflush(stdout);
  if (is_dev) print_dev_link(in_force, clock, site);
  spdlog::info("fairlead {} serves on {}", embedded::kVersion, (*hub)->address());
  check_descriptors(descriptors, in_force.hub.connections);
  return run_until_signal(**hub, signals, clock);
}

}  // namespace fairlead::app
