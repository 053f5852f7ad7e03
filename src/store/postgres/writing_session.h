#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "store/postgres/connection.h"
#include "store/postgres/session.h"

namespace fairlead::store::postgres {

/// The session through which a hub writes, and by which it holds the database: an advisory lock
/// that ends with the session. Made anew when it was lost.
class WritingSession {
 public:
  /// `hub` names this life of this hub.
  WritingSession(const Options& options, std::string hub);

  /// Opens one when there is none: ends what is left of earlier ones of this hub, then takes the
  /// lock. Its problems are of the kind that is_lost.
  Outcome<Connection*> get();
  /// The same, waiting up to `patience` for somebody else's lock.
  Outcome<Connection*> wait_for(std::chrono::milliseconds patience);
  bool is_open() const { return connection_ != nullptr; }
  void drop() { connection_.reset(); }
  const std::string& hub() const { return hub_; }

  /// Batches of this hub that the database knows; nullopt when another hub has taken it over. Waits
  /// for a transaction of ours that still ends.
  static Outcome<std::optional<std::int64_t>> recorded(Connection& connection,
                                                       const std::string& hub);

 private:
  Outcome<void> hold(Connection& connection) const;

  const std::string hub_;
  const ConnectionOptions options_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace fairlead::store::postgres
