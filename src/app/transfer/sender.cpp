#include "app/transfer/sender.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <string_view>
#include <utility>

#include "protocol/json_reader.h"
#include "protocol/json_writer.h"
#include "protocol/limits.h"

namespace fairlead::app::transfer {
namespace {

/// A batch goes when it has this many bytes, or as many samples as one may have.
constexpr std::size_t kBatchBytes = std::size_t{256} << 10;
/// When so much waits for all devices together, all of it goes.
constexpr std::size_t kWaitingBytes = std::size_t{32} << 20;

std::int64_t number_of(const protocol::Document& document, std::string_view name) {
  const protocol::Node* const node = document.find(document.root(), name);
  return node == nullptr ? 0 : node->integer;
}

/// The number in `samples[17].metrics.x`; nothing when a path does not begin so.
std::optional<std::size_t> sample_in(std::string_view path) {
  constexpr std::string_view kBegin = "samples[";
  if (!path.starts_with(kBegin)) return std::nullopt;
  path.remove_prefix(kBegin.size());
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), index);
  return error == std::errc() ? std::optional(index) : std::nullopt;
}

}  // namespace

std::unexpected<Error> Sender::refused(std::uint64_t line, const std::string& id,
                                       const std::string& why) const {
  return fail(Code::kInvalid, "{}, line {}: device {}: {}", file_, line, id, why);
}

/// The line is that of the first sample that the hub names, where it names one.
Error Sender::refused(const std::string& id, const Device& device, const Answer& answer) const {
  const Error problem = problem_of(answer);
  std::uint64_t line = device.lines.front();
  protocol::JsonReader reader;
  if (reader.read_copy(answer.body)) {
    const protocol::Document& document = reader.document();
    const protocol::Node* const fields = document.find(document.root(), "fields");
    if (fields != nullptr && fields->children > 0) {
      const protocol::Node& first = *document.children(*fields).begin();
      const protocol::Node* const path = document.find(first, "path");
      const auto index = path == nullptr ? std::nullopt : sample_in(path->text);
      if (index && *index < device.lines.size()) line = device.lines[*index];
    }
  }
  return refused(line, id, problem.message).error();
}

Result<void> Sender::take(const Row& row) {
  if (!row.entry.empty()) return put_entry(row);
  Device& device = devices_[row.device];
  if (auto done = look_up(row.device, device, row.line); !done) return done;
  ++device.seq;
  if (device.seq <= device.stored) {
    ++counts_.known;
    return {};
  }
  const std::size_t before = device.samples.size();
  fmt::format_to(std::back_inserter(device.samples), R"({}{{"seq":{},"ts":{},"metrics":{}}})",
                 device.lines.empty() ? "" : ",", device.seq, row.ts, row.metrics);
  device.lines.push_back(row.line);
  waiting_bytes_ += device.samples.size() - before + sizeof(row.line);
  if (device.lines.size() == protocol::kMaxBatchSamples || device.samples.size() >= kBatchBytes) {
    return flush(row.device, device);
  }
  return waiting_bytes_ >= kWaitingBytes ? finish() : Result<void>();
}

/// A device that is not there yet is made: samples must be somebody's. One that is sending would
/// mix its own numbers with ours.
Result<void> Sender::look_up(const std::string& id, Device& device, std::uint64_t line) {
  if (device.is_looked_up) return {};
  auto answer = hub_.ask({.target = device_target(id), .body = {}});
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (answer->status == 404) {
    answer = hub_.ask({.method = "PUT", .target = device_target(id), .body = "{}"});
    if (!answer) return std::unexpected(std::move(answer.error()));
  }
  if (answer->status / 100 != 2) return refused(line, id, problem_of(*answer).message);
  protocol::JsonReader reader;
  if (auto read = reader.read_copy(answer->body); !read) return read;
  const protocol::Document& document = reader.document();
  const protocol::Node* const connected = document.find(document.root(), "connected");
  if (connected != nullptr && connected->boolean) {
    return refused(line, id, "is connected; import its history while it is not");
  }
  device.is_looked_up = true;
  return {};
}

Result<void> Sender::put_entry(const Row& row) {
  if (auto done = look_up(row.device, devices_[row.device], row.line); !done) return done;
  auto answer = hub_.ask({.method = "PUT", .target = device_target(row.device), .body = row.entry});
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (answer->status / 100 != 2) return refused(row.line, row.device, problem_of(*answer).message);
  ++counts_.entries;
  return {};
}

Result<void> Sender::flush(const std::string& id, Device& device) {
  if (device.lines.empty()) return {};
  std::string body = R"({"epoch":)";
  protocol::append_json_string(body, epoch_);
  body.append(R"(,"samples":[)").append(device.samples).append("]}");
  const auto answer = hub_.ask(
      {.method = "POST", .target = device_target(id, "/telemetry"), .body = std::move(body)});
  if (!answer) return std::unexpected(answer.error());
  if (answer->status / 100 != 2) return std::unexpected(refused(id, device, *answer));
  protocol::JsonReader reader;
  if (auto read = reader.read_copy(answer->body); !read) return read;
  counts_.stored += static_cast<std::uint64_t>(number_of(reader.document(), "accepted"));
  counts_.known += static_cast<std::uint64_t>(number_of(reader.document(), "duplicates"));
  device.stored = number_of(reader.document(), "last_seq");
  waiting_bytes_ -= device.samples.size() + device.lines.size() * sizeof(device.lines.front());
  device.samples = {};
  device.lines = {};
  return {};
}

Result<void> Sender::finish() {
  for (auto& [id, device] : devices_) {
    if (auto done = flush(id, device); !done) return done;
  }
  return {};
}

}  // namespace fairlead::app::transfer
