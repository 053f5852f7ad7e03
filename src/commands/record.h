#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "commands/command.h"

namespace fairlead::commands {

/// What never changes in a command, and the connection that hears of it, packed: all its texts
/// share one allocation, because every unfinished command of a large fleet stays in memory.
class Record {
 public:
  Record(const Command& command, std::string_view connection);

  std::string_view id() const { return text(kId).value_or(""); }
  /// Empty: of none.
  std::string_view fleet() const { return text(kFleet).value_or(""); }
  std::string_view connection() const { return text(kConnection).value_or(""); }
  protocol::DeviceKey device_key() const { return device_key_; }
  std::int64_t expires_at() const { return expires_at_; }

  /// The fixed members of the command; what Progress holds is left as in a new one.
  Command unpack() const;

 private:
  enum Field : std::uint8_t {
    kId,
    kTenant,
    kDevice,
    kName,
    kParams,
    kIssuedBy,
    kIdempotencyKey,
    kFleet,
    kConnection,
    kFieldCount,
  };

  std::optional<std::string_view> text(Field field) const;
  std::string string(Field field) const;
  std::optional<std::string> optional_string(Field field) const;

  std::string texts_;
  /// Where each field ends in `texts_`; it begins where the one before ends.
  std::array<std::uint32_t, kFieldCount> ends_{};
  /// A bit a field: whether it is there at all.
  std::uint16_t present_ = 0;
  bool is_queued_ = false;
  protocol::DeviceKey device_key_ = 0;
  std::int64_t issued_at_ = 0;
  std::int64_t expires_at_ = 0;
};

}  // namespace fairlead::commands
