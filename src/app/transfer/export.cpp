#include "app/transfer/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "app/transfer/csv_table.h"
#include "app/transfer/hub_client.h"
#include "app/transfer/output.h"
#include "app/transfer/progress.h"
#include "app/transfer/time_text.h"
#include "protocol/json_reader.h"
#include "protocol/json_writer.h"
#include "protocol/names.h"

namespace fairlead::app::transfer {
namespace {

constexpr std::string_view kNdjson = "application/x-ndjson";
/// Of the hub's lists.
constexpr int kPageRows = 1000;

/// A device as the hub lists it.
struct Listed {
  std::string id;
  /// What PUT takes to make it again, a JSON object.
  std::string entry;
};

/// The members that are an operator's or a device's own word.
std::string entry_of(const protocol::Document& document, const protocol::Node& device) {
  std::string entry;
  protocol::JsonWriter json(entry);
  json.begin_object();
  for (const std::string_view name : {"name", "device_type", "firmware"}) {
    const protocol::Node* const node = document.find(device, name);
    if (node != nullptr && node->kind == protocol::NodeKind::kString) json.member(name, node->text);
  }
  for (const std::string_view name : {"capabilities", "metadata"}) {
    const protocol::Node* const node = document.find(device, name);
    if (node != nullptr && node->kind == protocol::NodeKind::kObject) {
      json.raw_member(name, node->text);
    }
  }
  const protocol::Node* const disabled = document.find(device, "disabled");
  if (disabled != nullptr && disabled->boolean) json.member("disabled", true);
  json.end_object();
  return entry;
}

/// Each pattern that no other one covers.
std::vector<std::string> least_patterns(std::vector<std::string> patterns) {
  if (patterns.empty()) return {"*"};
  std::ranges::sort(patterns);
  patterns.erase(std::ranges::unique(patterns).begin(), patterns.end());
  const auto is_covered = [&patterns](const std::string& pattern) {
    std::string_view begin = pattern;
    if (protocol::is_prefix(pattern)) begin.remove_suffix(1);
    return std::ranges::any_of(patterns, [&](const std::string& other) {
      return other != pattern && protocol::is_prefix(other) && protocol::matches(other, begin);
    });
  };
  std::vector<std::string> least;
  std::ranges::copy_if(patterns, std::back_inserter(least),
                       [&](const std::string& pattern) { return !is_covered(pattern); });
  return least;
}

/// One export on its way.
class Export {
 public:
  Export(const ExportOptions& options, HubClient hub, Output output)
      : hub_(std::move(hub)),
        output_(std::move(output)),
        is_csv_(options.format == "csv"),
        patterns_(least_patterns(options.devices)),
        metrics_(options.metrics) {
    std::ranges::sort(metrics_);
    metrics_.erase(std::ranges::unique(metrics_).begin(), metrics_.end());
  }

  Result<void> set_times(const ExportOptions& options) {
    for (const auto& [name, text] : {std::pair("from", options.from), {"to", options.to}}) {
      if (text.empty()) continue;
      const auto time = parse_time(text);
      if (!time || *time < 0) {
        return fail(Code::kInvalid, "--{} {}: ms since the epoch, or ISO 8601", name, text);
      }
      query_ += fmt::format("&{}={}", name, *time);
    }
    return {};
  }

  Result<void> run() {
    if (is_csv_) {
      if (auto done = begin_table(); !done) return done;
    }
    const auto done = each_device([this](const Listed& device) { return write_device(device); });
    if (!done) return done;
    if (auto finished = output_.finish(); !finished) return finished;
    progress_.finish(story());
    return {};
  }

 private:
  /// All devices wanted, page by page.
  template <typename Visit>
  Result<void> each_device(Visit&& visit) {
    for (const std::string& pattern : patterns_) {
      if (!protocol::is_prefix(pattern)) {
        auto answer = hub_.demand({.target = device_target(pattern), .body = {}});
        if (!answer) return fail(answer.error().code, "{}: {}", pattern, answer.error().message);
        if (auto done = each_in(answer->body, visit); !done) return std::unexpected(done.error());
        continue;
      }
      const std::string list = fmt::format("/v1/devices?limit={}&prefix={}", kPageRows,
                                           std::string_view(pattern).substr(0, pattern.size() - 1));
      std::string target = list;
      while (!target.empty()) {
        auto answer = hub_.demand({.target = target, .body = {}});
        if (!answer) return std::unexpected(std::move(answer.error()));
        const auto next = each_in(answer->body, visit);
        if (!next) return std::unexpected(next.error());
        target = next->empty() ? "" : fmt::format("{}&cursor={}", list, *next);
      }
    }
    return {};
  }

  /// `body` is one device or a page of them; returns the cursor of the next page.
  template <typename Visit>
  Result<std::string> each_in(const std::string& body, Visit&& visit) {
    std::vector<Listed> devices;
    std::string next;
    {
      protocol::JsonReader reader;
      if (auto read = reader.read_copy(body); !read) return std::unexpected(read.error());
      const protocol::Document& document = reader.document();
      const auto take = [&](const protocol::Node& device) {
        const protocol::Node* const id = document.find(device, "id");
        if (id == nullptr) return;
        devices.push_back({.id = std::string(id->text), .entry = entry_of(document, device)});
      };
      const protocol::Node* const items = document.find(document.root(), "items");
      if (items == nullptr) {
        take(document.root());
      } else {
        for (const protocol::Node& device : document.children(*items)) take(device);
      }
      const protocol::Node* const cursor = document.find(document.root(), "next_cursor");
      if (cursor != nullptr && cursor->kind == protocol::NodeKind::kString) next = cursor->text;
    }
    for (const Listed& device : devices) {
      if (auto done = visit(device); !done) return std::unexpected(std::move(done.error()));
    }
    return next;
  }

  /// The columns are all metrics that the hub has a newest value of.
  Result<void> begin_table() {
    std::set<std::string> found(metrics_.begin(), metrics_.end());
    const auto look = [&](const Listed& device) -> Result<void> {
      auto answer = hub_.ask({.target = device_target(device.id, "/telemetry/latest"), .body = {}});
      if (!answer) return std::unexpected(std::move(answer.error()));
      // Deleted since it was listed.
      if (answer->status == 404) return {};
      if (answer->status != 200) return std::unexpected(problem_of(*answer));
      protocol::JsonReader reader;
      if (auto read = reader.read_copy(answer->body); !read) return read;
      const protocol::Document& document = reader.document();
      const protocol::Node* const metrics = document.find(document.root(), "metrics");
      if (metrics == nullptr) return {};
      for (const protocol::Node& metric : document.children(*metrics)) found.emplace(metric.key);
      return {};
    };
    if (metrics_.empty()) {
      if (auto done = each_device(look); !done) return done;
    }
    table_.emplace(std::vector<std::string>(found.begin(), found.end()));
    return output_.write(table_->head());
  }

  Result<void> write_device(const Listed& device) {
    ++devices_;
    if (!is_csv_) {
      const auto written = output_.write(
          fmt::format("{{\"device\":\"{}\",\"entry\":{}}}\n", device.id, device.entry));
      if (!written) return written;
    }
    std::string first =
        device_target(device.id, fmt::format("/telemetry?limit={}{}", kPageRows, query_));
    for (std::size_t i = 0; i < metrics_.size(); ++i) {
      first.append(i == 0 ? "&metrics=" : ",").append(metrics_[i]);
    }
    std::optional<std::string> target = std::move(first);
    while (target) {
      auto answer = hub_.ask({.target = *target, .accept = kNdjson, .body = {}});
      if (!answer) return std::unexpected(std::move(answer.error()));
      if (answer->status == 404) return {};
      if (answer->status != 200) return std::unexpected(problem_of(*answer));
      if (auto done = write_rows(device.id, answer->body); !done) return done;
      target = std::move(answer->next);
      progress_.update([this] { return story(); });
    }
    return {};
  }

  Result<void> write_rows(const std::string& device, std::string_view lines) {
    std::string text;
    while (!lines.empty()) {
      const std::size_t end = std::min(lines.find('\n'), lines.size());
      const std::string_view line = lines.substr(0, end);
      lines.remove_prefix(std::min(end + 1, lines.size()));
      if (!line.starts_with('{')) return fail(Code::kInternal, "the hub sent a row that is none");
      ++rows_;
      if (table_) {
        const auto row = table_->row(device, line);
        if (!row) return std::unexpected(row.error());
        text += *row;
      } else {
        text.append("{\"device\":\"").append(device).append("\",").append(line.substr(1)) += '\n';
      }
    }
    return output_.write(text);
  }

  std::string story() const {
    return fmt::format("{} samples of {} devices, {} MiB", rows_, devices_, output_.bytes() >> 20);
  }

  HubClient hub_;
  Output output_;
  const bool is_csv_;
  const std::vector<std::string> patterns_;
  std::vector<std::string> metrics_;
  /// What is asked of each device's history.
  std::string query_;
  std::optional<CsvTable> table_;
  Progress progress_{"export"};
  std::uint64_t rows_ = 0;
  std::uint64_t devices_ = 0;
};

Result<void> check(const ExportOptions& options) {
  for (const std::string& pattern : options.devices) {
    if (!protocol::is_pattern(pattern)) {
      return fail(Code::kInvalid, "--devices {}: an id, or a prefix that ends in *", pattern);
    }
  }
  for (const std::string& metric : options.metrics) {
    if (!protocol::is_metric_name(metric)) {
      return fail(Code::kInvalid, "--metrics {}: is no metric's name", metric);
    }
  }
  return {};
}

Result<void> export_all(const ExportOptions& options) {
  if (auto good = check(options); !good) return good;
  auto hub = HubClient::open(options.hub);
  if (!hub) return std::unexpected(std::move(hub.error()));
  auto output = Output::open(options.out);
  if (!output) return std::unexpected(std::move(output.error()));
  Export work(options, std::move(*hub), std::move(*output));
  if (auto good = work.set_times(options); !good) return good;
  return work.run();
}

}  // namespace

int run_export(const ExportOptions& options) {
  const auto done = export_all(options);
  if (done) return 0;
  fmt::print(stderr, "fairlead: {}\n", done.error().message);
  return 1;
}

}  // namespace fairlead::app::transfer
