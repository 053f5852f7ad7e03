#pragma once

#include <filesystem>
#include <optional>

#include "store/driver.h"
#include "store/sqlite/data_directory.h"

namespace fairlead::store::sqlite {

/// SQLite in a file of a directory that this process alone uses.
class Driver final : public store::Driver {
 public:
  Driver(std::filesystem::path data_dir, bool is_fully_durable)
      : data_dir_(std::move(data_dir)), is_fully_durable_(is_fully_durable) {}

  std::string describe() const override;
  Result<std::unique_ptr<store::Backend>> open_backend(const Clock& clock) override;
  Result<std::unique_ptr<store::Reader>> open_reader() override;
  Result<std::vector<MigrationState>> migrations() override;
  Result<std::size_t> migrate(const Clock& clock) override;

 private:
  std::filesystem::path file() const { return DataDirectory::database_in(data_dir_); }

  const std::filesystem::path data_dir_;
  const bool is_fully_durable_;
  /// From open_backend() on.
  std::optional<DataDirectory> held_;
};

}  // namespace fairlead::store::sqlite
