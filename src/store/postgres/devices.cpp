#include "store/postgres/devices.h"

#include <utility>

namespace fairlead::store::postgres {
namespace {

constexpr const char* kSave =
    "INSERT INTO devices (key, tenant, id, name, device_type, firmware, capabilities, metadata, "
    "status, status_detail, session, last_seen, disabled, created_at, updated_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) "
    "ON CONFLICT (key) DO UPDATE SET tenant = excluded.tenant, id = excluded.id, "
    "name = excluded.name, device_type = excluded.device_type, firmware = excluded.firmware, "
    "capabilities = excluded.capabilities, metadata = excluded.metadata, "
    "status = excluded.status, status_detail = excluded.status_detail, "
    "session = excluded.session, last_seen = excluded.last_seen, disabled = excluded.disabled, "
    "created_at = excluded.created_at, updated_at = excluded.updated_at";
constexpr const char* kSavePresence =
    "UPDATE devices SET session = $2, last_seen = $3 WHERE key = $1";
constexpr const char* kRemove = "DELETE FROM devices WHERE key = $1";
constexpr const char* kLoad =
    "SELECT key, tenant, id, name, device_type, firmware, capabilities, metadata, status, "
    "status_detail, session, last_seen, disabled, created_at, updated_at "
    "FROM devices WHERE key > $1 ORDER BY key LIMIT $2";
constexpr const char* kLastKey =
    "SELECT greatest(value, (SELECT max(key) FROM devices)) FROM meta "
    "WHERE name = 'last_deleted_key'";

devices::Device device_of(const Answer& answer, int row) {
  return {.key = answer.integer(row, 0),
          .tenant = answer.text(row, 1),
          .id = answer.text(row, 2),
          .about = devices::Description{.name = answer.optional_text(row, 3),
                                        .device_type = answer.optional_text(row, 4),
                                        .firmware = answer.optional_text(row, 5),
                                        .capabilities = answer.optional_text(row, 6),
                                        .metadata = answer.optional_text(row, 7),
                                        .status = answer.optional_text(row, 8),
                                        .status_detail = answer.optional_text(row, 9)},
          .session = answer.integer(row, 10),
          .last_seen = answer.optional_integer(row, 11),
          .disabled = answer.integer(row, 12) != 0,
          .created_at = answer.integer(row, 13),
          .updated_at = answer.integer(row, 14)};
}

}  // namespace

void save_device(Connection& connection, const devices::Device& device) {
  const devices::Description& about = *device.about;
  connection.send(kSave, device.key, device.tenant, device.id, about.name, about.device_type,
                  about.firmware, about.capabilities, about.metadata, about.status,
                  about.status_detail, device.session, device.last_seen, device.disabled,
                  device.created_at, device.updated_at);
}

void save_presence(Connection& connection, protocol::DeviceKey key, std::int64_t session,
                   std::int64_t last_seen) {
  connection.send(kSavePresence, key, session, last_seen);
}

void remove_device(Connection& connection, protocol::DeviceKey key) {
  connection.send(kRemove, key);
}

Outcome<std::vector<devices::Device>> load_devices(Connection& connection,
                                                   protocol::DeviceKey above) {
  const auto answer = connection.query(kLoad, above, kDevicesAtOnce);
  if (!answer) return std::unexpected(answer.error());
  std::vector<devices::Device> found;
  found.reserve(static_cast<std::size_t>(answer->rows()));
  for (int row = 0; row < answer->rows(); ++row) found.push_back(device_of(*answer, row));
  return found;
}

Outcome<protocol::DeviceKey> load_last_key(Connection& connection) {
  const auto answer = connection.query(kLastKey);
  if (!answer) return std::unexpected(answer.error());
  return answer->rows() == 0 ? 0 : answer->integer(0, 0);
}

}  // namespace fairlead::store::postgres
