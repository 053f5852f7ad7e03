#include <string>
#include <utility>

#include "protocol/capabilities.h"
#include "protocol/request_readers.h"

namespace fairlead::protocol {
namespace {

template <typename T>
Patch<T> cleared() {
  return Patch<T>(std::in_place, std::nullopt);
}

bool is_null(const Node* node) { return node != nullptr && node->kind == NodeKind::kNull; }

Patch<std::string> read_text(const Members& members, std::string_view name) {
  if (is_null(members.find(name))) return cleared<std::string>();
  const auto text = members.text(name, 0, kMaxNameLength);
  if (!text) return std::nullopt;
  return std::string(*text);
}

Patch<std::string> read_object(const Members& members, std::string_view name) {
  if (is_null(members.find(name))) return cleared<std::string>();
  const Node* const object = members.object(name);
  if (object == nullptr) return std::nullopt;
  return std::string(object->text);
}

}  // namespace

DeviceRegister read_device_register(const Members& members) {
  DeviceRegister entry{.name = read_text(members, "name"),
                       .device_type = read_text(members, "device_type"),
                       .firmware = read_text(members, "firmware"),
                       .capabilities = read_object(members, "capabilities"),
                       .metadata = read_object(members, "metadata")};
  if (entry.capabilities && *entry.capabilities) {
    auto declared = Capabilities::parse(**entry.capabilities);
    if (!declared) members.problems().add_all(std::move(declared.error().fields));
  }
  return entry;
}

DeviceStatus read_device_status(const Members& members) {
  DeviceStatus status;
  members.require("status");
  status.status = members.word("status", {"ok", "warning", "error", "maintenance"}).value_or("");
  if (!is_null(members.find("detail"))) {
    status.detail = members.text("detail", 0, kMaxStatusDetailLength);
  }
  return status;
}

}  // namespace fairlead::protocol
