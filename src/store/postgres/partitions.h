#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>

#include "store/postgres/connection.h"

namespace fairlead::store::postgres {

/// The partitions of telemetry_data, one a day.
class Partitions {
 public:
  /// Makes those of `days` that are not known to be there. Not in a transaction.
  Outcome<void> make(Connection& connection, const boost::unordered_flat_set<std::int64_t>& days);
  /// Makes those of today and of the next days.
  Outcome<void> make_ahead(Connection& connection, std::int64_t now_ms);

 private:
  Outcome<void> make(Connection& connection, std::int64_t day);

  boost::unordered_flat_set<std::int64_t> known_;
};

}  // namespace fairlead::store::postgres
