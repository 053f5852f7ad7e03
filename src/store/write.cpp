#include "store/write.h"

#include <optional>
#include <string>

namespace fairlead::store {
namespace {

std::size_t bytes(const std::string& text) { return text.size(); }
std::size_t bytes(const std::optional<std::string>& text) { return text ? text->size() : 0; }

template <typename... Texts>
std::size_t sum(const Texts&... texts) {
  return (std::size_t{0} + ... + bytes(texts));
}

struct Weigh {
  std::size_t operator()(const StoreSamples& write) const { return write.block->bytes(); }
  std::size_t operator()(const SaveDevice& write) const {
    const devices::Device& device = write.device;
    const devices::Description& about = *device.about;
    return sum(device.tenant, device.id, about.name, about.device_type, about.firmware,
               about.capabilities, about.metadata, about.status, about.status_detail);
  }
  std::size_t operator()(const SaveCommand& write) const {
    const commands::Command& command = write.command;
    return sum(command.id, command.tenant, command.device, command.name, command.params,
               command.result, command.error, command.late_result, command.issued_by,
               command.idempotency_key, command.fleet) +
           command.history.size() * sizeof(commands::Transition);
  }
  std::size_t operator()(const CreateFleet& write) const {
    const commands::Fleet& fleet = write.fleet;
    std::size_t members = 0;
    for (const commands::FleetMember& member : *fleet.members) {
      members += sizeof(member) + member.device.size();
    }
    return sum(fleet.id, fleet.tenant, fleet.issued_by, fleet.name, fleet.params,
               fleet.idempotency_key) +
           members;
  }
  std::size_t operator()(const UpdateFleet& write) const { return sum(write.id); }
  std::size_t operator()(const OpenLog& write) const { return of(write.log); }
  std::size_t operator()(const CloseLog& write) const { return of(write.log); }
  std::size_t operator()(const SaveSubscription& write) const {
    const hub::DurableSubscription& kept = write.subscription;
    return sum(kept.tenant, kept.subject, kept.name, kept.definition);
  }
  std::size_t operator()(const RemoveSubscription& write) const {
    return sum(write.tenant, write.subject, write.name);
  }
  std::size_t operator()(const Revoke& write) const {
    return sum(write.revocation.tenant, write.revocation.jti);
  }
  std::size_t operator()(const SavePresence&) const { return 0; }
  std::size_t operator()(const RemoveDevice&) const { return 0; }
  std::size_t operator()(const ForgetLogs&) const { return 0; }
  std::size_t operator()(const ForgetCommands&) const { return 0; }
  std::size_t operator()(const ForgetRevocations&) const { return 0; }

  static std::size_t of(const hub::ConnectionLog& log) {
    return sum(log.connection, log.tenant, log.kind, log.subject, log.remote, log.reason);
  }
};

}  // namespace

std::size_t weight(const Write& write) { return sizeof(Write) + std::visit(Weigh{}, write); }

std::size_t samples_in(const Write& write) {
  const auto* const telemetry = std::get_if<StoreSamples>(&write);
  return telemetry == nullptr ? 0 : telemetry->block->samples();
}

}  // namespace fairlead::store
