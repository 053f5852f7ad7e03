#include "store/sqlite/driver.h"

#include <utility>

#include "base/assert.h"
#include "store/sqlite/backup.h"
#include "store/sqlite/check.h"
#include "store/sqlite/database.h"
#include "store/sqlite/file_error.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sealer.h"
#include "store/sqlite/sealer_thread.h"

namespace fairlead::store::sqlite {
std::string Driver::describe() const { return "SQLite in " + file().string(); }

Result<std::unique_ptr<store::Backend>> Driver::open_backend(const Clock& clock) {
  auto directory = DataDirectory::open(settings_.data_dir);
  if (!directory) return std::unexpected(std::move(directory.error()));
  auto backend = Backend::open(file(), settings_.full_durability, clock, settings_.segments);
  if (!backend) return std::unexpected(std::move(backend.error()));
  held_.emplace(std::move(*directory));
  backend_ = backend->get();
  return std::move(*backend);
}

Result<std::unique_ptr<store::Reader>> Driver::open_reader() {
  FAIRLEAD_ASSERT(backend_ != nullptr);
  auto reader = Reader::open(file(), backend_->segments());
  if (!reader) return std::unexpected(std::move(reader.error()));
  return std::move(*reader);
}

Result<std::unique_ptr<Keeper>> Driver::start_keeper(const Clock& clock,
                                                     const std::function<void()>& wake) {
  auto perform = [&desk = backend_->chores(), wake](Chore chore) {
    return desk.hand_over(std::move(chore), wake);
  };
  auto sealer = Sealer::open(file(), backend_->segments(), clock, settings_.segments,
                             settings_.retention, std::move(perform));
  if (!sealer) return std::unexpected(std::move(sealer.error()));
  return std::make_unique<SealerThread>(std::move(*sealer), backend_->chores());
}

Result<std::uint64_t> Driver::back_up(
    const std::filesystem::path& out,
    const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  if (!std::filesystem::exists(file())) {
    return fail(Code::kInvalid, "{}: there is no store", file().string());
  }
  return sqlite::back_up(settings_.data_dir, out, progress);
}

Result<std::vector<std::string>> Driver::check() {
  if (!std::filesystem::exists(file())) {
    return fail(Code::kInvalid, "{}: there is no store", file().string());
  }
  return sqlite::check(settings_.data_dir);
}

Result<std::vector<MigrationState>> Driver::migrations() {
  const std::vector<Migration> known = sqlite_migrations();
  if (auto checked = check_header(file()); !checked) return explain(file(), checked.error());
  if (!std::filesystem::exists(file())) return compare(known, {});
  const auto database = Database::open(file().string(), Access::kReader);
  if (!database) return explain(file(), database.error());
  auto states = schema_state(**database, known);
  if (!states) return explain(file(), states.error());
  return states;
}

Result<std::size_t> Driver::migrate(const Clock& clock) {
  const auto directory = DataDirectory::open(settings_.data_dir);
  if (!directory) return std::unexpected(directory.error());
  if (auto checked = check_header(file()); !checked) return explain(file(), checked.error());
  const auto database = Database::open(file().string(), Access::kWriter);
  if (!database) return explain(file(), database.error());
  auto applied = sqlite::migrate(**database, sqlite_migrations(), clock.now_ms());
  if (!applied) return explain(file(), applied.error());
  return applied;
}

}  // namespace fairlead::store::sqlite
