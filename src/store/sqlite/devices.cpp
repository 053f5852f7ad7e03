#include "store/sqlite/devices.h"

#include <utility>

namespace fairlead::store::sqlite {
namespace {

constexpr const char* kSave =
    "INSERT INTO devices (key, tenant, id, name, device_type, firmware, capabilities, metadata, "
    "status, status_detail, session, last_seen, disabled, created_at, updated_at) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) "
    "ON CONFLICT (key) DO UPDATE SET tenant = excluded.tenant, id = excluded.id, "
    "name = excluded.name, device_type = excluded.device_type, firmware = excluded.firmware, "
    "capabilities = excluded.capabilities, metadata = excluded.metadata, "
    "status = excluded.status, status_detail = excluded.status_detail, "
    "session = excluded.session, last_seen = excluded.last_seen, disabled = excluded.disabled, "
    "created_at = excluded.created_at, updated_at = excluded.updated_at";
constexpr const char* kSavePresence =
    "UPDATE devices SET session = ?2, last_seen = ?3 WHERE key = ?1";
constexpr const char* kRemove = "DELETE FROM devices WHERE key = ?1";
constexpr const char* kLoad =
    "SELECT key, tenant, id, name, device_type, firmware, capabilities, metadata, status, "
    "status_detail, session, last_seen, disabled, created_at, updated_at "
    "FROM devices ORDER BY key";
// SQLite's own record of what AUTOINCREMENT gave.
constexpr const char* kLastKey = "SELECT seq FROM sqlite_sequence WHERE name = 'devices'";

}  // namespace

Devices::Devices(Database& database)
    : save_(database, kSave),
      save_presence_(database, kSavePresence),
      remove_(database, kRemove),
      load_(database, kLoad),
      last_key_(database, kLastKey) {}

Result<void> Devices::save(const devices::Device& device) {
  const devices::Description& about = *device.about;
  return save_.run(device.key, device.tenant, device.id, about.name, about.device_type,
                   about.firmware, about.capabilities, about.metadata, about.status,
                   about.status_detail, device.session, device.last_seen,
                   std::int64_t{device.disabled ? 1 : 0}, device.created_at, device.updated_at);
}

Result<void> Devices::save_presence(protocol::DeviceKey key, std::int64_t session,
                                    std::int64_t last_seen) {
  return save_presence_.run(key, session, last_seen);
}

Result<void> Devices::remove(protocol::DeviceKey key) { return remove_.run(key); }

Result<std::vector<devices::Device>> Devices::load() {
  std::vector<devices::Device> found;
  Rows rows = load_.query();
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    found.push_back({.key = rows.integer(0),
                     .tenant = rows.text(1),
                     .id = rows.text(2),
                     .about = devices::Description{.name = rows.optional_text(3),
                                                   .device_type = rows.optional_text(4),
                                                   .firmware = rows.optional_text(5),
                                                   .capabilities = rows.optional_text(6),
                                                   .metadata = rows.optional_text(7),
                                                   .status = rows.optional_text(8),
                                                   .status_detail = rows.optional_text(9)},
                     .session = rows.integer(10),
                     .last_seen = rows.optional_integer(11),
                     .disabled = rows.integer(12) != 0,
                     .created_at = rows.integer(13),
                     .updated_at = rows.integer(14)});
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return found;
}

Result<protocol::DeviceKey> Devices::last_key() {
  Rows rows = last_key_.query();
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  return *found ? rows.integer(0) : 0;
}

}  // namespace fairlead::store::sqlite
