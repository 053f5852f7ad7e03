// What telemetry costs in the store: appending it, sealing it, finding it again.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "store/sqlite/backend.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/sealer.h"

namespace fairlead::store {
namespace {

constexpr std::int64_t kDevices = 200;
constexpr std::int64_t kBlock = 1000;

/// A directory that goes away with this object.
class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "fairlead-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  std::filesystem::path file() const { return path_ / "fairlead.db"; }

 private:
  std::filesystem::path path_;
};

/// A store on disk with kDevices devices that send in turn.
class Fleet {
 public:
  explicit Fleet(SegmentLimits limits) {
    backend_ = std::move(*sqlite::Backend::open(directory_.file(), false, clock_, limits));
    sealer_ = std::move(*sqlite::Sealer::open(
        directory_.file(), backend_->segments(), clock_, limits, {},
        [this](const sqlite::Chore& chore) { return backend_->perform(chore); }));
    std::vector<Write> writes;
    for (std::int64_t key = 1; key <= kDevices; ++key) {
      devices::Device device;
      device.key = key;
      device.tenant = "default";
      device.id = fmt::format("device-{}", key);
      writes.emplace_back(SaveDevice{device});
    }
    must(backend_->commit(writes));
  }

  void append() {
    auto block = std::make_shared<telemetry::SampleBlock>();
    constexpr std::int64_t kRun = kBlock / kDevices;
    for (std::int64_t key = 1; key <= kDevices; ++key) {
      block->begin_part(key);
      telemetry::Progress after;
      for (std::int64_t i = 0; i < kRun; ++i) {
        const std::int64_t offset = round_ * kRun + i + 1;
        metrics_.clear();
        fmt::format_to(
            std::back_inserter(metrics_),
            R"({{"temperature":{}.{},"humidity":{}.5,"pressure":1013.{},"running":true}})",
            20 + offset % 10, key % 10, 40 + offset % 17, offset % 97);
        block->add({.offset = offset,
                    .ts = begin_ + offset * 1000,
                    .at = begin_ + offset * 1000,
                    .seq = offset,
                    .metrics = metrics_});
        after.offset = after.last_seq = offset;
        after.last_at = begin_ + offset * 1000;
      }
      block->end_part(after);
    }
    ++round_;
    std::vector<Write> writes;
    writes.emplace_back(StoreSamples{std::move(block)});
    must(backend_->commit(writes));
    backend_->maintain();
  }
  /// Returns whether there was something to seal.
  bool seal() {
    const Result<bool> did = sealer_->step();
    if (!did) must(std::unexpected(did.error()));
    backend_->maintain();
    return *did;
  }
  std::unique_ptr<sqlite::Reader> reader() {
    return std::move(*sqlite::Reader::open(directory_.file(), backend_->segments()));
  }
  const sqlite::Segments& segments() const { return backend_->segments(); }
  std::int64_t last_offset() const { return round_ * (kBlock / kDevices); }

 private:
  static void must(const Result<void>& done) {
    if (done) return;
    fmt::print(stderr, "{}\n", done.error().message);
    std::abort();
  }

  SystemClock clock_;
  Directory directory_;
  std::unique_ptr<sqlite::Backend> backend_;
  std::unique_ptr<sqlite::Sealer> sealer_;
  std::int64_t round_ = 0;
  const std::int64_t begin_ = SystemClock().now_ms();
  std::string metrics_;
};

void append(benchmark::State& state) {
  Fleet fleet({.rows = 1'000'000'000, .bytes = std::int64_t{1} << 40});
  for (auto each : state) fleet.append();
  state.SetItemsProcessed(state.iterations() * kBlock);
}
BENCHMARK(append)->Unit(benchmark::kMicrosecond)->Iterations(500);

void seal(benchmark::State& state) {
  Fleet fleet({.rows = 500'000});
  std::int64_t bytes = 0;
  for (auto each : state) {
    state.PauseTiming();
    for (int i = 0; i <= 500; ++i) fleet.append();
    state.ResumeTiming();
    while (fleet.seal()) continue;
    bytes = fleet.segments().view()->sealed.back().bytes;
  }
  state.SetItemsProcessed(state.iterations() * 500'000);
  state.counters["bytes_a_sample"] = static_cast<double>(bytes) / 500'000;
}
BENCHMARK(seal)->Unit(benchmark::kMillisecond)->Iterations(2);

void read_last_thousand(benchmark::State& state) {
  Fleet fleet({.rows = 100'000});
  for (int i = 0; i < 1050; ++i) {
    fleet.append();
    while (fleet.seal()) continue;
  }
  const auto reader = fleet.reader();
  telemetry::Range range;
  range.is_descending = true;
  range.limit = 1000;
  for (auto each : state) {
    range.device = range.device % kDevices + 1;
    benchmark::DoNotOptimize(reader->read(range));
  }
}
BENCHMARK(read_last_thousand)->Unit(benchmark::kMicrosecond)->Iterations(400);

}  // namespace
}  // namespace fairlead::store
