#include "app/transfer/import.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "app/transfer/hub_client.h"
#include "app/transfer/input.h"
#include "app/transfer/progress.h"
#include "app/transfer/row_source.h"
#include "app/transfer/sender.h"
#include "protocol/limits.h"
#include "protocol/names.h"

namespace fairlead::app::transfer {
namespace {

Result<void> check(const ImportOptions& options) {
  if (!options.device.empty() && !protocol::is_device_id(options.device)) {
    return fail(Code::kInvalid, "--device {}: is no device's id", options.device);
  }
  if (options.epoch.size() > protocol::kMaxEpochLength) {
    return fail(Code::kInvalid, "--epoch: at most {} characters", protocol::kMaxEpochLength);
  }
  return {};
}

Result<std::unique_ptr<RowSource>> open_source(const ImportOptions& options, Input& input) {
  const bool is_csv =
      options.format.empty() ? options.file.ends_with(".csv") : options.format == "csv";
  if (is_csv) return csv_source(input, options.device);
  return ndjson_source(input, options.device);
}

std::string story(const Sender& sender, const Input& input) {
  const auto& counts = sender.counts();
  std::string text =
      fmt::format("{} samples stored, {} were there already, {} devices, {} MiB", counts.stored,
                  counts.known, sender.devices(), input.position() >> 20);
  if (input.size() > 0) {
    text += fmt::format(" ({} %)", input.position() * 100 / input.size());
  }
  return text;
}

Result<void> import_all(const ImportOptions& options) {
  if (auto good = check(options); !good) return good;
  auto input = Input::open(options.file);
  if (!input) return std::unexpected(std::move(input.error()));
  const std::string epoch =
      options.epoch.empty() ? "import-" + input->fingerprint() : options.epoch;
  const auto source = open_source(options, *input);
  if (!source) return std::unexpected(source.error());
  auto hub = HubClient::open(options.hub);
  if (!hub) return std::unexpected(std::move(hub.error()));
  Sender sender(std::move(*hub), epoch, input->name());
  Progress progress("import");
  Row row;
  Result<bool> more = (*source)->next(row);
  Result<void> done;
  while (more && *more && done) {
    done = sender.take(row);
    progress.update([&] { return story(sender, *input); });
    if (done) more = (*source)->next(row);
  }
  // What came before a bad line is good.
  if (done) done = sender.finish();
  progress.finish(story(sender, *input));
  if (!more) return std::unexpected(std::move(more.error()));
  return done;
}

}  // namespace

int run_import(const ImportOptions& options) {
  const auto done = import_all(options);
  if (done) return 0;
  fmt::print(stderr,
             "fairlead: {}\nfairlead: the same import again goes on where this one stopped\n",
             done.error().message);
  return 1;
}

}  // namespace fairlead::app::transfer
