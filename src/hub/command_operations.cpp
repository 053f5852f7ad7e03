#include <utility>

#include "hub/operations.h"
#include "hub/shard.h"

namespace fairlead::hub {
namespace {

std::unexpected<Error> unknown_command(const std::string& id) {
  return fail(Code::kNotFound, "command {}: not found", id);
}

}  // namespace

void Operations::send_command(const auth::Principal& who, protocol::CommandSend request,
                              commands::Sender sender, Completion<commands::Sent> done) {
  if (auto may = auth::permit(who, auth::Operation::kSendCommand); !may) {
    return done(std::unexpected(may.error()));
  }
  if (!request.idempotency_key) {
    return send_at_home(who, std::move(request), std::move(sender), refusing(std::move(done)));
  }
  const IdempotencyName name{
      .tenant = who.tenant, .issuer = who.subject, .key = *request.idempotency_key};
  // A key is at home where its principal's name leads, whatever the device.
  const std::size_t keeper = shard_.home_of(who.tenant, who.subject);
  shard_.ask<std::optional<std::string>>(
      keeper,
      [name](Shard& there, auto answer) {
        there.idempotency_keys().claim(name, std::move(answer));
      },
      [this, who, name, keeper, request = std::move(request), sender = std::move(sender),
       done = std::move(done)](Result<std::optional<std::string>> known) mutable {
        if (*known) {
          return with_command<commands::Sent>(
              who, **known,
              [id = **known](Shard& there, protocol::DeviceRef ref, auto answer) {
                there.home().commands().get(
                    ref, id, [answer = std::move(answer)](Result<commands::Command> found) mutable {
                      if (!found) return answer(std::unexpected(found.error()));
                      answer(commands::Sent{.command = found->id, .state = found->state});
                    });
              },
              std::move(done));
        }
        auto settle = [this, name, keeper,
                       done = refusing(std::move(done))](Result<commands::Sent> sent) mutable {
          std::optional<std::string> made;
          if (sent) made = sent->command;
          shard_.ports().peers.post(
              keeper, [name, made](Shard& there) { there.idempotency_keys().settle(name, made); });
          done(std::move(sent));
        };
        send_at_home(who, std::move(request), std::move(sender), std::move(settle));
      });
}

Completion<commands::Sent> Operations::refusing(Completion<commands::Sent> done) {
  return [done = std::move(done)](Result<commands::Sent> sent) mutable {
    if (sent && sent->refusal) sent = std::unexpected(std::move(*sent->refusal));
    done(std::move(sent));
  };
}

void Operations::send_at_home(const auth::Principal& who, protocol::CommandSend request,
                              commands::Sender sender, Completion<commands::Sent> done) {
  const std::string device = request.device;
  shard_.ask<commands::Sent>(
      home_of(who, device),
      [who, request = std::move(request), sender = std::move(sender)](Shard& there,
                                                                      auto answer) mutable {
        Home& home = there.home();
        const auto ref = home.find(who, request.device);
        if (!ref) return answer(std::unexpected(ref.error()));
        commands::SendRequest send{.device = *ref,
                                   .device_key = home.address(*ref).key,
                                   .tenant = who.tenant,
                                   .device_id = request.device,
                                   .body = std::move(request),
                                   .issued_by = who.subject,
                                   .sender = std::move(sender)};
        send.home_hash = home_hash(who.tenant, send.device_id);
        send.is_device_connected = home.is_connected(*ref);
        home.commands().send(std::move(send), home.devices().capabilities(*ref), std::move(answer));
      },
      std::move(done));
}

template <typename T>
void Operations::with_command(
    const auth::Principal& who, const std::string& id,
    std::move_only_function<void(Shard&, protocol::DeviceRef, Completion<T>)> then,
    Completion<T> done) {
  const auto hash = commands::home_hash_of(id);
  if (!hash) return done(unknown_command(id));
  shard_.ask<T>(
      *hash % shard_.ports().peers.count(),
      [who, id, then = std::move(then)](Shard& there, Completion<T> answer) mutable {
        const auto in_memory = there.home().commands().device_of(id);
        if (in_memory) {
          const DeviceAddress device = there.home().address(*in_memory);
          const bool may_see = device.tenant == who.tenant && auth::may_touch(who, device.id);
          if (!may_see) return answer(unknown_command(id));
          return then(there, *in_memory, std::move(answer));
        }
        there.ports().commands.find(
            id, [&there, who, id, then = std::move(then), answer = std::move(answer)](
                    Result<std::optional<commands::Command>> found) mutable {
              if (!found) return answer(std::unexpected(found.error()));
              const bool may_see = *found && (**found).tenant == who.tenant;
              const auto ref = may_see ? there.home().find(who, (**found).device)
                                       : Result<protocol::DeviceRef>(unknown_command(id));
              if (!ref) return answer(unknown_command(id));
              then(there, *ref, std::move(answer));
            });
      },
      std::move(done));
}

void Operations::get_command(const auth::Principal& who, const std::string& id,
                             Completion<commands::Command> done) {
  if (auto may = auth::permit(who, auth::Operation::kGetCommand); !may) {
    return done(std::unexpected(may.error()));
  }
  with_command<commands::Command>(
      who, id,
      [id](Shard& there, protocol::DeviceRef ref, auto answer) {
        there.home().commands().get(ref, id, std::move(answer));
      },
      std::move(done));
}

void Operations::wait_for_command(const auth::Principal& who, const std::string& id,
                                  std::int64_t wait_ms, Completion<commands::Command> done) {
  with_command<commands::Command>(
      who, id,
      [id, wait_ms](Shard& there, protocol::DeviceRef ref, auto answer) {
        const std::int64_t deadline_ms = there.ports().clock.now_ms() + wait_ms;
        there.home().commands().wait(ref, id, deadline_ms, std::move(answer));
      },
      std::move(done));
}

void Operations::cancel_command(const auth::Principal& who, const std::string& id,
                                Completion<commands::Command> done) {
  if (auto may = auth::permit(who, auth::Operation::kCancelCommand); !may) {
    return done(std::unexpected(may.error()));
  }
  with_command<commands::Command>(
      who, id,
      [id](Shard& there, protocol::DeviceRef ref, auto answer) {
        there.home().commands().cancel(
            ref, id,
            [&there, ref, id, answer = std::move(answer)](Result<commands::State> state) mutable {
              if (!state) return answer(std::unexpected(state.error()));
              there.home().commands().get(ref, id, std::move(answer));
            });
      },
      std::move(done));
}

void Operations::list_commands(const auth::Principal& who, const std::string& device,
                               commands::ListQuery query,
                               Completion<std::vector<commands::Command>> done) {
  if (auto may = auth::permit(who, auth::Operation::kListCommands); !may) {
    return done(std::unexpected(may.error()));
  }
  shard_.ask<std::vector<commands::Command>>(
      home_of(who, device),
      [who, device, query = std::move(query)](Shard& there, auto answer) mutable {
        const auto ref = there.home().find(who, device);
        if (!ref) return answer(std::unexpected(ref.error()));
        query.device = there.home().address(*ref).key;
        there.ports().commands.list(std::move(query), std::move(answer));
      },
      std::move(done));
}

}  // namespace fairlead::hub
