#include "app/store_settings.h"

namespace fairlead::app {

Result<void> check_store(const Settings& settings) {
  if (!settings.store_url.empty() && settings.retention.bytes > 0) {
    return invalid_field("store.retention_bytes",
                         "is for SQLite; with store.url give store.retention_days");
  }
  if (!settings.store_url.empty() || !settings.data_dir.empty()) return {};
  return fail(Code::kInvalid, "no directory for the database: give --data DIR (store.data)");
}

store::Settings store_settings(const Settings& settings) {
  return {.url = settings.store_url,
          .data_dir = settings.data_dir,
          .full_durability = settings.durability == "full",
          .auto_migrate = settings.auto_migrate,
          .server_timeout = std::chrono::milliseconds(settings.server_timeout_ms),
          .server_patience = std::chrono::milliseconds(settings.server_patience_ms),
          .segments = settings.segments,
          .retention = settings.retention};
}

Result<std::unique_ptr<store::Driver>> driver_of(const Settings& settings) {
  if (auto checked = check_store(settings); !checked) return std::unexpected(checked.error());
  return store::make_driver(store_settings(settings));
}

}  // namespace fairlead::app
