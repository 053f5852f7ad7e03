#include "commands/record.h"

#include <utility>

namespace fairlead::commands {
namespace {

std::optional<std::string_view> view(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return std::string_view(*text);
}

}  // namespace

Record::Record(const Command& command, std::string_view connection)
    : is_queued_(command.is_queued),
      device_key_(command.device_key),
      issued_at_(command.issued_at),
      expires_at_(command.expires_at) {
  const std::array<std::optional<std::string_view>, kFieldCount> fields = {
      command.id,
      command.tenant,
      command.device,
      command.name,
      view(command.params),
      command.issued_by,
      view(command.idempotency_key),
      view(command.fleet),
      connection};
  std::size_t size = 0;
  for (const auto& field : fields) size += field.value_or("").size();
  texts_.reserve(size);
  for (std::size_t i = 0; i < kFieldCount; ++i) {
    if (fields[i]) {
      present_ = static_cast<std::uint16_t>(present_ | (1U << i));
      texts_ += *fields[i];
    }
    ends_[i] = static_cast<std::uint32_t>(texts_.size());
  }
}

std::optional<std::string_view> Record::text(Field field) const {
  if ((present_ >> field & 1U) == 0) return std::nullopt;
  const std::uint32_t begin = field == 0 ? 0 : ends_[field - 1U];
  return std::string_view(texts_).substr(begin, ends_[field] - begin);
}

std::string Record::string(Field field) const { return std::string(text(field).value_or("")); }

std::optional<std::string> Record::optional_string(Field field) const {
  const std::optional<std::string_view> content = text(field);
  if (!content) return std::nullopt;
  return std::string(*content);
}

Command Record::unpack() const {
  Command command;
  command.id = string(kId);
  command.device_key = device_key_;
  command.tenant = string(kTenant);
  command.device = string(kDevice);
  command.name = string(kName);
  command.params = optional_string(kParams);
  command.is_queued = is_queued_;
  command.issued_by = string(kIssuedBy);
  command.issued_at = issued_at_;
  command.expires_at = expires_at_;
  command.idempotency_key = optional_string(kIdempotencyKey);
  command.fleet = optional_string(kFleet);
  return command;
}

}  // namespace fairlead::commands
