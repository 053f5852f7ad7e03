#include "store/store.h"

#include <utility>

namespace fairlead::store {

Store::Store(const Settings& settings, const Clock& clock, std::unique_ptr<Driver> driver,
             std::unique_ptr<Backend> backend)
    : settings_(settings),
      clock_(clock),
      driver_(std::move(driver)),
      backend_(std::move(backend)),
      reads_(settings.max_queries),
      writer_(*backend_, settings.writer, settings.memory) {}

Store::~Store() { stop(); }

Result<std::unique_ptr<Store>> Store::open(const Settings& settings, const Clock& clock) {
  auto driver = make_driver(settings);
  if (!driver) return std::unexpected(std::move(driver.error()));
  auto backend = (*driver)->open_backend(clock);
  if (!backend) return std::unexpected(std::move(backend.error()));
  return std::unique_ptr<Store>(
      new Store(settings, clock, std::move(*driver), std::move(*backend)));
}

Result<Loaded> Store::load() {
  const auto reader = driver_->open_reader();
  if (!reader) return std::unexpected(reader.error());
  auto loaded = (*reader)->load(clock_.now_ms());
  if (!loaded) {
    return fail(loaded.error().code, "{}: {}", driver_->describe(), loaded.error().message);
  }
  return loaded;
}

std::unique_ptr<ShardStore> Store::attach(Post post) {
  return std::make_unique<ShardStore>(writer_, reads_, std::move(post));
}

Result<void> Store::start() {
  std::vector<std::unique_ptr<Reader>> readers;
  for (std::size_t i = 0; i < settings_.reader_threads; ++i) {
    auto reader = driver_->open_reader();
    if (!reader) return std::unexpected(std::move(reader.error()));
    readers.push_back(std::move(*reader));
  }
  readers_ = std::make_unique<Readers>(reads_, std::move(readers));
  thread_ = std::make_unique<WriterThread>(writer_);
  auto keeper = driver_->start_keeper(clock_, [this] { writer_.interrupt(); });
  if (!keeper) return std::unexpected(std::move(keeper.error()));
  keeper_ = std::move(*keeper);
  return {};
}

void Store::stop() {
  keeper_.reset();
  thread_.reset();
  readers_.reset();
}

Stats Store::stats() const {
  Stats stats = writer_.stats();
  stats.reads = reads_.reads();
  return stats;
}

}  // namespace fairlead::store
