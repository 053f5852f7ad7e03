#include "store/store.h"

#include <utility>

#include "store/sqlite/reader.h"
#include "store/sqlite/schema.h"

namespace fairlead::store {
namespace {

std::filesystem::path database_in(const std::filesystem::path& data_dir) {
  return sqlite::DataDirectory::database_in(data_dir);
}

std::unexpected<Error> explain(const std::filesystem::path& file, const Error& error) {
  return fail(error.code, "{}: {}", file.string(), error.message);
}

}  // namespace

Store::Store(const Settings& settings, const Clock& clock, sqlite::DataDirectory directory,
             std::unique_ptr<sqlite::Backend> backend)
    : settings_(settings),
      clock_(clock),
      directory_(std::move(directory)),
      backend_(std::move(backend)),
      reads_(settings.max_queries),
      writer_(*backend_, settings.writer) {}

Store::~Store() { stop(); }

Result<std::unique_ptr<Store>> Store::open(const Settings& settings, const Clock& clock) {
  auto directory = sqlite::DataDirectory::open(settings.data_dir);
  if (!directory) return std::unexpected(std::move(directory.error()));
  auto backend =
      sqlite::Backend::open(database_in(settings.data_dir), settings.full_durability, clock);
  if (!backend) return std::unexpected(std::move(backend.error()));
  return std::unique_ptr<Store>(
      new Store(settings, clock, std::move(*directory), std::move(*backend)));
}

Result<Loaded> Store::load() {
  const std::filesystem::path file = database_in(settings_.data_dir);
  const auto reader = sqlite::Reader::open(file);
  if (!reader) return std::unexpected(reader.error());
  auto loaded = (*reader)->load(clock_.now_ms());
  if (!loaded) return explain(file, loaded.error());
  return loaded;
}

std::unique_ptr<ShardStore> Store::attach(Post post) {
  return std::make_unique<ShardStore>(writer_, reads_, std::move(post));
}

Result<void> Store::start() {
  std::vector<std::unique_ptr<Reader>> readers;
  for (std::size_t i = 0; i < settings_.reader_threads; ++i) {
    auto reader = sqlite::Reader::open(database_in(settings_.data_dir));
    if (!reader) return std::unexpected(std::move(reader.error()));
    readers.push_back(std::move(*reader));
  }
  readers_ = std::make_unique<Readers>(reads_, std::move(readers));
  thread_ = std::make_unique<WriterThread>(writer_);
  return {};
}

void Store::stop() {
  thread_.reset();
  readers_.reset();
}

Stats Store::stats() const {
  Stats stats = writer_.stats();
  stats.reads = reads_.reads();
  return stats;
}

Result<std::vector<MigrationState>> Store::migrations(const std::filesystem::path& data_dir) {
  const std::vector<Migration> known = sqlite_migrations();
  const std::filesystem::path file = database_in(data_dir);
  if (auto checked = sqlite::check_header(file); !checked) return explain(file, checked.error());
  if (!std::filesystem::exists(file)) return compare(known, {});
  const auto database = sqlite::Database::open(file.string(), sqlite::Access::kReader);
  if (!database) return explain(file, database.error());
  auto states = sqlite::schema_state(**database, known);
  if (!states) return explain(file, states.error());
  return states;
}

Result<std::size_t> Store::migrate(const std::filesystem::path& data_dir, const Clock& clock) {
  const auto directory = sqlite::DataDirectory::open(data_dir);
  if (!directory) return std::unexpected(directory.error());
  const std::filesystem::path file = database_in(data_dir);
  if (auto checked = sqlite::check_header(file); !checked) return explain(file, checked.error());
  const auto database = sqlite::Database::open(file.string(), sqlite::Access::kWriter);
  if (!database) return explain(file, database.error());
  auto applied = sqlite::migrate(**database, sqlite_migrations(), clock.now_ms());
  if (!applied) return explain(file, applied.error());
  return applied;
}

}  // namespace fairlead::store
