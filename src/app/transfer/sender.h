#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/transfer/hub_client.h"
#include "app/transfer/row_source.h"

namespace fairlead::app::transfer {

/// Sends rows to a hub, in batches of one device each. A sample's `seq` is its place among its
/// device's; what the hub has of an earlier run it says at the first batch, and that is not sent
/// again. Memory is bounded, but for a few bytes a device.
class Sender {
 public:
  struct Counts {
    std::uint64_t stored = 0;
    /// Were stored by an earlier run.
    std::uint64_t known = 0;
    std::uint64_t entries = 0;
  };

  /// `epoch`: what `seq` counts in. `file`: for errors.
  Sender(HubClient hub, std::string epoch, std::string file)
      : hub_(std::move(hub)), epoch_(std::move(epoch)), file_(std::move(file)) {}

  Result<void> take(const Row& row);
  /// Everything taken is stored when this returns.
  Result<void> finish();

  const Counts& counts() const { return counts_; }
  std::size_t devices() const { return devices_.size(); }

 private:
  struct Device {
    /// Of its last row.
    std::int64_t seq = 0;
    /// Up to here the hub has it; 0 before the first answer.
    std::int64_t stored = 0;
    bool is_looked_up = false;
    /// What waits: samples as JSON behind commas, and the lines they stood in.
    std::string samples;
    std::vector<std::uint64_t> lines;
  };

  Result<void> look_up(const std::string& id, Device& device, std::uint64_t line);
  Result<void> put_entry(const Row& row);
  Result<void> flush(const std::string& id, Device& device);
  std::unexpected<Error> refused(std::uint64_t line, const std::string& id,
                                 const std::string& why) const;
  Error refused(const std::string& id, const Device& device, const Answer& answer) const;

  HubClient hub_;
  const std::string epoch_;
  const std::string file_;
  std::unordered_map<std::string, Device> devices_;
  std::size_t waiting_bytes_ = 0;
  Counts counts_;
};

}  // namespace fairlead::app::transfer
