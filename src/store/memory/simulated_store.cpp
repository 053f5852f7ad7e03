#include "store/memory/simulated_store.h"

namespace fairlead::store::memory {

inline constexpr std::size_t kMaxQueries = 4096;

SimulatedStore::SimulatedStore(Backend& backend, const Clock& clock, WriterLimits limits)
    : backend_(backend),
      clock_(clock),
      reader_(backend.state()),
      reads_(kMaxQueries),
      writer_(backend, limits) {
  backend_.close_open_logs(clock_.now_ms());
}

void SimulatedStore::crash() {
  reads_.clear();
  writer_.crash();
  backend_.close_open_logs(clock_.now_ms());
}

Stats SimulatedStore::stats() const {
  Stats stats = writer_.stats();
  stats.reads = reads_.reads();
  return stats;
}

}  // namespace fairlead::store::memory
