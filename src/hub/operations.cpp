#include "hub/operations.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "hub/listing.h"
#include "hub/shard.h"
#include "protocol/json_writer.h"

namespace fairlead::hub {
namespace {

template <typename T>
bool refuse(const Result<void>& permitted, Completion<T>& done) {
  if (permitted) return false;
  done(std::unexpected(permitted.error()));
  return true;
}

bool fits(const DeviceFilter& filter, const devices::Device& device, bool is_connected) {
  return (!filter.connected || *filter.connected == is_connected) &&
         (!filter.device_type || filter.device_type == device.about->device_type) &&
         (!filter.status || filter.status == device.about->status);
}

/// Queries for one page of the log, of which a narrow principal may see little.
constexpr int kMaxLogRounds = 8;

bool is_listed(const ConnectionLog& log, const auth::Principal& who) {
  return log.kind != auth::name_of(auth::Kind::kDevice) || auth::may_touch(who, log.subject);
}

}  // namespace

Operations::Operations(Shard& shard, auth::Repository& revocations, Repository& logs)
    : shard_(shard), revocations_(revocations), logs_(logs) {}

std::size_t Operations::home_of(const auth::Principal& who, const std::string& device) const {
  return shard_.home_of(who.tenant, device);
}

void Operations::get_device(const auth::Principal& who, const std::string& id,
                            Completion<std::string> done) {
  if (refuse(auth::permit(who, auth::Operation::kGetDevice), done)) return;
  shard_.ask<std::string>(
      home_of(who, id),
      [who, id](Shard& there, auto answer) {
        const auto ref = there.home().find(who, id);
        if (!ref) return answer(std::unexpected(ref.error()));
        answer(there.home().device_json(*ref));
      },
      std::move(done));
}

void Operations::write_device(const auth::Principal& who, const std::string& id,
                              protocol::DeviceWrite request, bool replaces,
                              Completion<Written> done) {
  if (refuse(auth::permit(who, auth::Operation::kWriteDevice), done)) return;
  shard_.ask<Written>(
      home_of(who, id),
      [who, id, request = std::move(request), replaces](Shard& there, auto answer) {
        Home& home = there.home();
        auto ref = home.find(who, id);
        const bool is_new = !ref;
        const bool may_create = replaces && auth::may_touch(who, id);
        if (is_new && !may_create) return answer(std::unexpected(ref.error()));
        const auto known = is_new ? std::nullopt : std::optional(*ref);
        if (auto fine = home.check_declared(known, request.entry); !fine) {
          return answer(std::unexpected(std::move(fine.error())));
        }
        if (is_new) ref = home.find_or_add(who.tenant, id);
        if (!ref) return answer(std::unexpected(ref.error()));
        home.devices().write(
            *ref, request, replaces,
            [&home, ref = *ref, is_new, answer = std::move(answer)](Result<void> result) mutable {
              if (!result) return answer(std::unexpected(result.error()));
              answer(Written{is_new, home.device_json(ref)});
            });
      },
      std::move(done));
}

void Operations::delete_device(const auth::Principal& who, const std::string& id,
                               Completion<void> done) {
  if (refuse(auth::permit(who, auth::Operation::kDeleteDevice), done)) return;
  shard_.ask<void>(
      home_of(who, id),
      [who, id](Shard& there, auto answer) {
        const auto ref = there.home().find(who, id);
        if (!ref) return answer(std::unexpected(ref.error()));
        there.home().remove(*ref, std::move(answer));
      },
      std::move(done));
}

void Operations::list_devices(const auth::Principal& who, DeviceFilter filter, std::string after,
                              std::size_t limit, Completion<JsonPage> done) {
  if (refuse(auth::permit(who, auth::Operation::kListDevices), done)) return;
  const auto walk = [who, filter = std::move(filter)](Shard& there, std::string_view behind,
                                                      auto&& visit) {
    const Home& home = there.home();
    const devices::Service& devices = home.devices();
    devices.each(who.tenant, filter.prefix, behind, [&](protocol::DeviceRef ref) {
      const devices::Device& device = devices.device(ref);
      const bool is_listed =
          auth::may_touch(who, device.id) && fits(filter, device, devices.is_connected(ref));
      return visit(device.id, is_listed, [&] { return home.device_json(ref); });
    });
  };
  gather_page(shard_, walk, std::move(after), limit, std::move(done));
}

void Operations::post_telemetry(const auth::Principal& who, const std::string& id, std::string body,
                                Completion<telemetry::Accepted> done) {
  if (refuse(auth::permit(who, auth::Operation::kPostTelemetry), done)) return;
  shard_.ask<telemetry::Accepted>(
      home_of(who, id),
      [who, id, body = std::move(body)](Shard& there, auto answer) {
        Home& home = there.home();
        const auto ref = home.find(who, id);
        if (!ref) return answer(std::unexpected(ref.error()));
        if (auto charged = home.charge(*ref, body.size()); !charged) {
          return answer(std::unexpected(std::move(charged.error())));
        }
        const auto request = there.parser().parse_telemetry_body(body);
        if (!request) return answer(std::unexpected(request.error()));
        home.telemetry().submit(*ref, home.devices().capabilities(*ref), *request,
                                std::move(answer));
      },
      std::move(done));
}

void Operations::read_telemetry(const auth::Principal& who, const std::string& id,
                                telemetry::Range range, Completion<telemetry::Page> done) {
  if (refuse(auth::permit(who, auth::Operation::kReadTelemetry), done)) return;
  shard_.ask<telemetry::Page>(
      home_of(who, id),
      [who, id, range](Shard& there, auto answer) mutable {
        const auto ref = there.home().find(who, id);
        if (!ref) return answer(std::unexpected(ref.error()));
        range.device = there.home().address(*ref).key;
        there.ports().telemetry.read(range, std::move(answer));
      },
      std::move(done));
}

void Operations::read_buckets(const auth::Principal& who, const std::string& id,
                              telemetry::BucketRange range,
                              Completion<telemetry::BucketPage> done) {
  if (refuse(auth::permit(who, auth::Operation::kReadTelemetry), done)) return;
  shard_.ask<telemetry::BucketPage>(
      home_of(who, id),
      [who, id, range = std::move(range)](Shard& there, auto answer) mutable {
        const auto ref = there.home().find(who, id);
        if (!ref) return answer(std::unexpected(ref.error()));
        range.device = there.home().address(*ref).key;
        there.ports().telemetry.read_buckets(std::move(range), std::move(answer));
      },
      std::move(done));
}

void Operations::latest(const auth::Principal& who, const std::string& id,
                        Completion<std::string> done) {
  if (refuse(auth::permit(who, auth::Operation::kReadLatest), done)) return;
  shard_.ask<std::string>(
      home_of(who, id),
      [who, id](Shard& there, auto answer) {
        const auto ref = there.home().find(who, id);
        if (!ref) return answer(std::unexpected(ref.error()));
        std::string metrics;
        there.home().telemetry().latest(*ref).write_json(metrics);
        std::string json;
        protocol::JsonWriter(json)
            .begin_object()
            .member("device", id)
            .raw_member("metrics", metrics)
            .end_object();
        answer(std::move(json));
      },
      std::move(done));
}

void Operations::list_connections(const auth::Principal& who, ConnectionFilter filter,
                                  std::string after, std::size_t limit, Completion<JsonPage> done) {
  if (refuse(auth::permit(who, auth::Operation::kListConnections), done)) return;
  const auto walk = [who, filter = std::move(filter)](Shard& there, std::string_view behind,
                                                      auto&& visit) {
    there.connections().each(behind, [&](const Session& session) {
      return visit(session.info().id(), is_listed(session, who, filter),
                   [&] { return connection_json(session); });
    });
  };
  gather_page(shard_, walk, std::move(after), limit, std::move(done));
}

bool is_listed(const Session& session, const auth::Principal& who, const ConnectionFilter& filter) {
  const auto& principal = session.principal();
  if (!principal || session.is_ended() || principal->tenant != who.tenant) return false;
  const bool is_device = principal->kind == auth::Kind::kDevice;
  if (is_device && !auth::may_touch(who, principal->subject)) return false;
  return (!filter.kind || *filter.kind == auth::name_of(principal->kind)) &&
         (!filter.subject || *filter.subject == principal->subject) &&
         principal->subject.starts_with(filter.prefix);
}

std::string connection_json(const Session& session) {
  const auth::Principal& principal = *session.principal();
  std::string json;
  protocol::JsonWriter writer(json);
  writer.begin_object().member("connection", session.info().id());
  writer.member("kind", auth::name_of(principal.kind)).member("subject", principal.subject);
  writer.member("tenant", principal.tenant).member("remote", session.info().remote);
  writer.member("protocol", session.info().codec == protocol::Codec::kJson ? "fairlead.v1.json"
                                                                           : "fairlead.v1.cbor");
  writer.member("connected_at", session.info().connected_at);
  writer.member("last_seen", session.last_seen_ms()).key("expires_at");
  if (principal.expires_at_ms == 0) {
    writer.null();
  } else {
    writer.value(principal.expires_at_ms);
  }
  writer.member("subscriptions", session.subscribed().list.size());
  writer.member("messages_in", session.messages_in());
  writer.member("messages_out", session.messages_out()).end_object();
  return json;
}

void Operations::end_connection(const auth::Principal& who, const std::string& id,
                                Completion<void> done) {
  if (refuse(auth::permit(who, auth::Operation::kEndConnection), done)) return;
  struct Search {
    std::size_t shards_left = 0;
    bool is_found = false;
    Completion<void> done;
  };
  const std::size_t shards = shard_.ports().peers.count();
  auto search = std::make_shared<Search>(
      Search{.shards_left = shards, .is_found = false, .done = std::move(done)});
  for (std::size_t shard = 0; shard < shards; ++shard) {
    shard_.ask<bool>(
        shard,
        [who, id](Shard& there, auto answer) {
          Session* const session = there.connections().find(std::string_view(id));
          const bool is_found = session != nullptr && is_listed(*session, who, {});
          if (is_found) {
            const Error error{.code = Code::kForbidden,
                              .message = "an administrator closed this connection"};
            session->end(protocol::CloseCode::kForbidden, "closed by an administrator", &error);
          }
          answer(is_found);
        },
        [search, id](Result<bool> is_found) {
          search->is_found = search->is_found || *is_found;
          if (--search->shards_left > 0) return;
          if (search->is_found) return search->done({});
          search->done(fail(Code::kNotFound, "connection {}: not found", id));
        });
  }
}

void Operations::list_logs(const auth::Principal& who, LogQuery query, Completion<LogPage> done) {
  if (refuse(auth::permit(who, auth::Operation::kListLogs), done)) return;
  query.tenant = who.tenant;
  list_logs_further(who, std::move(query), {}, kMaxLogRounds, std::move(done));
}

void Operations::list_logs_further(const auth::Principal& who, LogQuery query, LogPage page,
                                   int rounds, Completion<LogPage> done) {
  const std::size_t wanted = query.limit - page.logs.size();
  LogQuery part = query;
  // One more than is wanted tells whether there is a next page.
  part.limit = wanted + 1;
  logs_.list_logs(
      std::move(part), [this, who, wanted, rounds, query = std::move(query), page = std::move(page),
                        done = std::move(done)](Result<std::vector<ConnectionLog>> found) mutable {
        if (!found) return done(std::unexpected(std::move(found.error())));
        const bool is_last = found->size() <= wanted;
        if (!is_last) found->pop_back();
        std::optional<LogPlace> end;
        if (!is_last) end = LogPlace{*found->back().disconnected_at, found->back().connection};
        for (ConnectionLog& log : *found) {
          if (is_listed(log, who)) page.logs.push_back(std::move(log));
        }
        page.next = end;
        if (is_last || page.logs.size() == query.limit || rounds == 1) {
          return done(std::move(page));
        }
        query.before_disconnected_at = end->disconnected_at;
        query.before_connection = std::move(end->connection);
        list_logs_further(who, std::move(query), std::move(page), rounds - 1, std::move(done));
      });
}

void Operations::revoke(const auth::Principal& who, auth::Revocation revocation,
                        Completion<void> done) {
  if (refuse(auth::permit(who, auth::Operation::kRevokeToken), done)) return;
  revocation.tenant = who.tenant;
  auth::Revocation copy = revocation;
  revocations_.revoke(std::move(copy), [this, revocation = std::move(revocation),
                                        done = std::move(done)](Result<void> result) mutable {
    if (result) {
      for (std::size_t shard = 0; shard < shard_.ports().peers.count(); ++shard) {
        shard_.ports().peers.post(shard, [revocation](Shard& there) { there.revoke(revocation); });
      }
    }
    done(std::move(result));
  });
}

std::string log_json(const ConnectionLog& log) {
  std::string json;
  protocol::JsonWriter writer(json);
  const bool is_device = log.kind == auth::name_of(auth::Kind::kDevice);
  writer.begin_object().member("connection", log.connection).member("kind", log.kind);
  writer.member("subject", log.subject);
  writer.member("device", is_device ? std::optional(log.subject) : std::nullopt);
  writer.member("remote", log.remote).member("connected_at", log.connected_at);
  writer.member("disconnected_at", log.disconnected_at).member("code", log.code);
  writer.member("reason", log.reason).end_object();
  return json;
}

}  // namespace fairlead::hub
