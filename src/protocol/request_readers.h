#pragma once

#include <string>
#include <vector>

#include "protocol/members.h"
#include "protocol/requests.h"

namespace fairlead::protocol {

/// Memory that samples of a message live in; kept from message to message.
struct SampleBuffers {
  std::vector<MetricView> metrics;
  std::vector<SampleView> samples;
};

// Each reads the members of one type of request and notes all that is wrong; what is returned then
// is of no use. Views in telemetry last as long as the document and the buffers.

Auth read_auth(const Members& members);

Telemetry read_telemetry(const Members& members, SampleBuffers& buffers);
Telemetry read_telemetry_batch(const Members& members, SampleBuffers& buffers);

DeviceRegister read_device_register(const Members& members);
DeviceStatus read_device_status(const Members& members);

CommandAccept read_command_accept(const Members& members);
CommandResult read_command_result(const Members& members);
/// `with_device`: whether the member `device` belongs to it (over HTTP the path has it).
CommandSend read_command_send(const Members& members, bool with_device);
CommandCancel read_command_cancel(const Members& members);
CommandGet read_command_get(const Members& members);
FleetSend read_fleet_send(const Members& members);
FleetGet read_fleet_get(const Members& members);
FleetCancel read_fleet_cancel(const Members& members);

Subscribe read_subscribe(const Members& members);
Unsubscribe read_unsubscribe(const Members& members);
/// The member `devices`: 1 to kMaxSubscribeDevices ids or prefixes.
std::vector<std::string> read_patterns(const Members& members);

}  // namespace fairlead::protocol
