#pragma once

#include <string>

#include "store/driver.h"
#include "store/postgres/session.h"

namespace fairlead::store::postgres {

/// PostgreSQL behind a URL.
class Driver final : public store::Driver {
 public:
  explicit Driver(Options options) : options_(std::move(options)) {}

  std::string describe() const override;
  Result<std::unique_ptr<store::Backend>> open_backend(const Clock& clock) override;
  Result<std::unique_ptr<store::Reader>> open_reader() override;
  Result<std::unique_ptr<Keeper>> start_keeper(const Clock& clock,
                                               const std::function<void()>& wake) override;
  /// Refused: the server has tools of its own for this.
  Result<std::uint64_t> back_up(
      const std::filesystem::path& out,
      const std::function<void(std::uint64_t, std::uint64_t)>& progress) override;
  Result<std::vector<std::string>> check() override;
  Result<std::vector<MigrationState>> migrations() override;
  Result<std::size_t> migrate(const Clock& clock) override;

 private:
  std::unexpected<Error> explain(const Error& error) const;

  const Options options_;
};

}  // namespace fairlead::store::postgres
