#pragma once

#include <filesystem>
#include <optional>

#include "store/driver.h"
#include "store/sqlite/backend.h"
#include "store/sqlite/data_directory.h"

namespace fairlead::store::sqlite {

/// SQLite in a file of a directory that this process alone uses.
class Driver final : public store::Driver {
 public:
  explicit Driver(const Settings& settings) : settings_(settings) {}

  std::string describe() const override;
  Result<std::unique_ptr<store::Backend>> open_backend(const Clock& clock) override;
  Result<std::unique_ptr<store::Reader>> open_reader() override;
  Result<std::unique_ptr<Keeper>> start_keeper(const Clock& clock,
                                               const std::function<void()>& wake) override;
  Result<std::uint64_t> back_up(
      const std::filesystem::path& out,
      const std::function<void(std::uint64_t, std::uint64_t)>& progress) override;
  Result<std::vector<std::string>> check() override;
  Result<std::vector<MigrationState>> migrations() override;
  Result<std::size_t> migrate(const Clock& clock) override;

 private:
  std::filesystem::path file() const { return DataDirectory::database_in(settings_.data_dir); }

  const Settings settings_;
  /// From open_backend() on.
  std::optional<DataDirectory> held_;
  /// What open_backend() gave.
  Backend* backend_ = nullptr;
};

}  // namespace fairlead::store::sqlite
