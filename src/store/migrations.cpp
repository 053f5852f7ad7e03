#include "store/migrations.h"

#include <openssl/evp.h>

#include <array>
#include <charconv>
#include <iterator>

#include "base/assert.h"
#include "embedded/migrations_postgres.h"
#include "embedded/migrations_sqlite.h"

namespace fairlead::store {
namespace {

constexpr std::string_view kSuffix = ".sql";

/// `0001_initial.sql` is version 1.
Migration migration_of(const embedded::File& file) {
  FAIRLEAD_ASSERT(file.name.ends_with(kSuffix));
  Migration migration{.name = std::string(file.name.substr(0, file.name.size() - kSuffix.size())),
                      .sql = file.content};
  std::from_chars(file.name.data(), file.name.data() + file.name.size(), migration.version);
  return migration;
}

std::vector<Migration> migrations_of(std::span<const embedded::File> files) {
  std::vector<Migration> migrations;
  for (const embedded::File& file : files) {
    migrations.push_back(migration_of(file));
    const std::size_t count = migrations.size();
    FAIRLEAD_ASSERT(count < 2 || migrations[count - 2].version < migrations[count - 1].version);
  }
  return migrations;
}

}  // namespace

std::vector<Migration> sqlite_migrations() { return migrations_of(embedded::kMigrationsSqlite); }

std::vector<Migration> postgres_migrations() {
  return migrations_of(embedded::kMigrationsPostgres);
}

std::string checksum(std::string_view sql) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const int done = EVP_Digest(sql.data(), sql.size(), digest.data(), &size, EVP_sha256(), nullptr);
  FAIRLEAD_ASSERT(done == 1);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    fmt::format_to(std::back_inserter(hex), "{:02x}", digest[i]);
  }
  return hex;
}

Result<std::vector<MigrationState>> compare(std::span<const Migration> known,
                                            std::span<const AppliedMigration> applied) {
  std::vector<MigrationState> states;
  for (std::size_t i = 0; i < applied.size(); ++i) {
    const AppliedMigration& was = applied[i];
    if (i >= known.size()) {
      return fail(Code::kInternal,
                  "its schema (version {}) is newer than this program (version {}): use a newer "
                  "fairlead",
                  applied.back().version, known.empty() ? 0 : known.back().version);
    }
    if (was.version != known[i].version || was.checksum != checksum(known[i].sql)) {
      return fail(
          Code::kInternal,
          "its schema does not match this program: migration {} was applied in another form",
          was.name);
    }
    states.push_back({.version = was.version, .name = was.name, .applied_at = was.applied_at});
  }
  for (const Migration& migration : known.subspan(applied.size())) {
    states.push_back(
        {.version = migration.version, .name = migration.name, .applied_at = std::nullopt});
  }
  return states;
}

}  // namespace fairlead::store
