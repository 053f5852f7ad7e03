#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "auth/principal.h"
#include "base/id.h"
#include "base/place.h"
#include "net/transport.h"
#include "protocol/parse.h"
#include "protocol/requests.h"

namespace fairlead::hub {

/// What is known of a connection from its handshake on.
struct ConnectionInfo {
  Ulid ulid{};
  std::string remote{};
  protocol::Codec codec = protocol::Codec::kJson;
  std::int64_t connected_at = 0;

  /// `c-01J…`
  std::string id() const { return ulid.text('c'); }
};

/// A WebSocket on its way to the shard where it will live.
struct Arrival {
  std::unique_ptr<net::Transport> transport;
  ConnectionInfo info;
  /// Nullopt: the first message must be `auth`.
  std::optional<auth::Principal> principal;
  /// Of the `auth` message that brought the principal; none for a handshake's token.
  protocol::RequestId auth_id;
  /// Among `limits.connections`.
  Place place{};
};

}  // namespace fairlead::hub
