#include "app/sim/status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace fairlead::app::sim {
namespace {

constexpr std::size_t kMostPrinted = 50;

double ms(std::int64_t us) { return static_cast<double>(us) / 1000; }

}  // namespace

std::string status_line(const Tally& tally, std::size_t devices, std::int64_t seconds) {
  return fmt::format(
      "{:>5} s  connected {}/{}  sent {}  acked {}  duplicates {}  reconnects {}  commands {}  "
      "ack p50 {:.1f} ms p99 {:.1f} ms",
      seconds, tally.connected, devices, tally.sent, tally.acked, tally.duplicates,
      tally.reconnects, tally.commands, ms(tally.latency_now.quantile(0.5)),
      ms(tally.latency_now.quantile(0.99)));
}

std::string summary(const Tally& tally, std::size_t devices, std::size_t unacked,
                    std::size_t violations) {
  return fmt::format(
      "devices      {}, welcomed {} times, {} reconnects, {} vanished, {} connects failed\n"
      "samples      {} taken, {} sent, {} of them again, {} acked, {} of them by a welcome, "
      "{} duplicates, {} not acked, {} skipped\n"
      "refusals     {} rate_limited, {} overloaded, {} other\n"
      "commands     {}, {} delivered again, {} results acked\n"
      "ack latency  p50 {:.1f} ms, p90 {:.1f} ms, p99 {:.1f} ms, most {:.1f} ms\n"
      "violations   {}\n",
      devices, tally.welcomes, tally.reconnects, tally.vanished, tally.connects_failed,
      tally.samples, tally.sent, tally.resent, tally.acked, tally.acked_by_welcome,
      tally.duplicates, unacked, tally.skipped, tally.rate_limited, tally.overloaded,
      tally.other_errors, tally.commands, tally.commands_again, tally.results,
      ms(tally.latency.quantile(0.5)), ms(tally.latency.quantile(0.9)),
      ms(tally.latency.quantile(0.99)), ms(tally.latency.quantile(1)), violations);
}

Printer::Printer() : is_terminal_(isatty(STDOUT_FILENO) != 0) {}

void Printer::status(std::string_view line) {
  if (is_terminal_) {
    fmt::print("\r\x1B[K{}", line);
    has_status_ = true;
  } else {
    fmt::print("{}\n", line);
  }
  std::fflush(stdout);
}

void Printer::text(std::string_view lines) {
  clear_status();
  fmt::print("{}", lines);
  std::fflush(stdout);
}

void Printer::clear_status() {
  if (!has_status_) return;
  fmt::print("\n");
  std::fflush(stdout);
  has_status_ = false;
}

void Printer::violation(std::string_view device, std::string_view what) {
  if (++violations_ > kMostPrinted) return;
  clear_status();
  fmt::print(stderr, "violation: {}: {}\n", device, what);
  if (violations_ == kMostPrinted) fmt::print(stderr, "further violations are only counted\n");
}

void Printer::note(std::string_view device, std::string_view what) {
  if (++notes_ > kMostPrinted) return;
  clear_status();
  fmt::print(stderr, "note: {}: {}\n", device, what);
  if (notes_ == kMostPrinted) fmt::print(stderr, "further notes are left out\n");
}

}  // namespace fairlead::app::sim
