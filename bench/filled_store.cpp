#include "bench/filled_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "store/sqlite/backend.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/sealer.h"

namespace fairlead::bench {
namespace {

namespace fs = std::filesystem;
using store::sqlite::Backend;
using store::sqlite::DataDirectory;
using store::sqlite::Sealer;

constexpr std::int64_t kBlock = 1000;

void write_metrics(std::string& out, const FillPlan& plan, std::int64_t device, std::int64_t n) {
  out.clear();
  fmt::format_to(std::back_inserter(out), R"({{"power":{}.{})", 900 + (n / 60) % 601 + device % 7,
                 n % 10);
  if (plan.metrics > 1) fmt::format_to(std::back_inserter(out), R"(,"flow":{}.5)", 40 + n % 17);
  if (plan.metrics > 2) fmt::format_to(std::back_inserter(out), R"(,"level":1013.{})", n % 97);
  if (plan.metrics > 3) out += R"(,"running":true)";
  out += '}';
}

class Filler {
 public:
  static Result<std::unique_ptr<Filler>> open(const fs::path& directory, const FillPlan& plan) {
    auto filler = std::unique_ptr<Filler>(new Filler(plan));
    const fs::path file = DataDirectory::database_in(directory);
    auto backend = Backend::open(file, false, filler->clock_, store::SegmentLimits());
    if (!backend) return std::unexpected(std::move(backend.error()));
    filler->backend_ = std::move(*backend);
    auto sealer =
        Sealer::open(file, filler->backend_->segments(), filler->clock_, store::SegmentLimits(), {},
                     [&backend = *filler->backend_](const store::sqlite::Chore& chore) {
                       return backend.perform(chore);
                     });
    if (!sealer) return std::unexpected(std::move(sealer.error()));
    filler->sealer_ = std::move(*sealer);
    return filler;
  }

  Result<void> run() {
    std::vector<store::Write> writes;
    for (std::int64_t key = 1; key <= plan_.devices; ++key) {
      devices::Device device;
      device.key = key;
      device.tenant = "default";
      device.id = fmt::format("meter-{}", key);
      device.created_at = device.updated_at = plan_.from_ms;
      writes.emplace_back(store::SaveDevice{device});
    }
    if (auto done = backend_->commit(writes); !done) return done;
    const std::int64_t run = std::max<std::int64_t>(1, kBlock / plan_.devices);
    for (std::int64_t first = 1; first <= plan_.samples_each; first += run) {
      if (auto done = append(first, std::min(plan_.samples_each, first + run - 1)); !done) {
        return done;
      }
    }
    // What is left is old, by the clock on the wall.
    Result<bool> more = plan_.is_sealed;
    while (more && *more) more = seal();
    if (!more) return std::unexpected(std::move(more.error()));
    return {};
  }

 private:
  explicit Filler(const FillPlan& plan) : plan_(plan) {}

  /// Samples `first` to `last` of every device, and what the sealer makes of them.
  Result<void> append(std::int64_t first, std::int64_t last) {
    auto block = std::make_shared<telemetry::SampleBlock>();
    for (std::int64_t key = 1; key <= plan_.devices; ++key) {
      block->begin_part(key);
      for (std::int64_t n = first; n <= last; ++n) {
        const std::int64_t ts = plan_.from_ms + (n - 1) * plan_.interval_ms;
        write_metrics(metrics_, plan_, key, n);
        block->add({.offset = n, .ts = ts, .at = ts, .seq = n, .metrics = metrics_});
      }
      telemetry::Progress after;
      after.offset = after.last_seq = last;
      after.last_at = plan_.from_ms + (last - 1) * plan_.interval_ms;
      block->end_part(after);
    }
    std::vector<store::Write> writes;
    writes.emplace_back(store::StoreSamples{std::move(block)});
    if (auto done = backend_->commit(writes); !done) return done;
    backend_->maintain();
    while (backend_->segments().view()->open.size() > 1) {
      if (auto sealed = seal(); !sealed) return std::unexpected(sealed.error());
      std::fprintf(stderr, "\rfilling a store: %.1f %%",
                   static_cast<double>(last) * 100 / static_cast<double>(plan_.samples_each));
    }
    return {};
  }

  /// Returns whether there was anything to seal.
  Result<bool> seal() {
    auto did = sealer_->step();
    if (did) backend_->maintain();
    return did;
  }

  const FillPlan plan_;
  SystemClock clock_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Sealer> sealer_;
  std::string metrics_;
};

}  // namespace

Result<std::string> filled_store(const std::string& parent, const FillPlan& plan) {
  const fs::path whole =
      fs::path(parent) / fmt::format("filled-{}x{}-{}-{}", plan.devices, plan.samples_each,
                                     plan.interval_ms, plan.metrics);
  std::error_code error;
  if (fs::exists(whole, error)) return whole.string();
  const fs::path unfinished = whole.string() + ".part";
  fs::remove_all(unfinished, error);
  fs::create_directories(unfinished, error);
  if (error) return fail(Code::kInternal, "{}: {}", unfinished.string(), error.message());
  {
    auto filler = Filler::open(unfinished, plan);
    if (!filler) return std::unexpected(std::move(filler.error()));
    if (auto done = (*filler)->run(); !done) return std::unexpected(std::move(done.error()));
    std::fprintf(stderr, "\n");
  }
  fs::rename(unfinished, whole, error);
  if (error) return fail(Code::kInternal, "{}: {}", whole.string(), error.message());
  return whole.string();
}

Result<void> drop_cached_files(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(directory, error)) {
    if (!entry.is_regular_file(error)) continue;
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    // Gone since it was listed.
    if (file < 0) continue;
    // What is not on the disk cannot be forgotten.
    ::fdatasync(file);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
  if (error) return fail(Code::kInternal, "{}: {}", directory, error.message());
  return {};
}

}  // namespace fairlead::bench
