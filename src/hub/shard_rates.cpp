#include "hub/shard.h"

namespace fairlead::hub {

std::optional<OverRate> Shard::charge(Session& session, std::size_t bytes) {
  const std::int64_t now = ports_.clock.steady_ms();
  const RateLimit own = settings_.connection_rate();
  const RateLimit of_device = settings_.device_rate();
  Meter* const device = session.seat ? home_.meter(session.seat.device) : nullptr;
  const std::int64_t own_wait = session.meter().wait_ms(own, bytes, now);
  const std::int64_t device_wait = device == nullptr ? 0 : device->wait_ms(of_device, bytes, now);
  if (own_wait > 0 && own_wait >= device_wait) {
    return OverRate{.error = over_rate(own, "this connection", own_wait)};
  }
  if (device_wait > 0) return OverRate{.error = over_rate(of_device, "this device", device_wait)};
  if (SharedMeter* const tenant = session.tenant_meter()) {
    const std::int64_t wait = tenant->take(bytes, now);
    if (wait > 0) {
      return OverRate{.error = over_rate(tenant->limit(), "this tenant", wait), .is_own = false};
    }
  }
  session.meter().take(own, bytes, now);
  if (device != nullptr) device->take(of_device, bytes, now);
  return std::nullopt;
}

}  // namespace fairlead::hub
