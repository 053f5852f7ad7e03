#pragma once

#include "http/request.h"
#include "hub/operations.h"

namespace fairlead::http {

/// What handlers work with: the operations of this shard.
struct Context {
  hub::Operations& operations;
};

// One a route, in the order of protocol section 8. Each answers `request.exchange` once, some
// later.
void list_devices(Context& context, Request request);
void get_device(Context& context, Request request);
void put_device(Context& context, Request request);
void patch_device(Context& context, Request request);
void delete_device(Context& context, Request request);

void post_telemetry(Context& context, Request request);
void get_telemetry(Context& context, Request request);
void get_latest(Context& context, Request request);

void post_command(Context& context, Request request);
void list_commands(Context& context, Request request);
void get_command(Context& context, Request request);
void cancel_command(Context& context, Request request);

void post_fleet(Context& context, Request request);
void get_fleet(Context& context, Request request);
void cancel_fleet(Context& context, Request request);

void list_connections(Context& context, Request request);
void delete_connection(Context& context, Request request);
void list_connection_logs(Context& context, Request request);

void revoke_token(Context& context, Request request);

}  // namespace fairlead::http
