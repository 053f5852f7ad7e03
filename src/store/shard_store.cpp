#include "store/shard_store.h"

#include <utility>

#include "base/assert.h"

namespace fairlead::store {

inline constexpr std::int64_t kReadRetryAfterMs = 1000;

ShardStore::ShardStore(Writer& writer, ReadQueue& reads, Post post)
    : writer_(writer),
      reads_(reads),
      postbox_(std::make_shared<Postbox>(std::move(post))),
      outstanding_(std::make_shared<Outstanding>()),
      asked_(std::make_shared<Asked>()),
      shard_(writer.attach(postbox_, outstanding_)) {}

ShardStore::~ShardStore() {
  postbox_->close();
  outstanding_->close();
}

void ShardStore::put(Write write, Completion<void> done) {
  outstanding_->add(std::move(done));
  writer_.put(shard_, outstanding_->generation(), std::move(write));
}

/// Takes `query` to a reader and its answer back to `done`. Both letters find `done` only while
/// this store lives.
template <typename T>
void ShardStore::ask(std::move_only_function<Result<T>(Reader&)> query, Completion<T> done) {
  const auto kept = std::make_shared<Completion<T>>(std::move(done));
  asked_->insert(kept);
  const auto answer = [asked = std::weak_ptr(asked_),
                       waiting = std::weak_ptr(kept)](Result<T> result) {
    const auto all = asked.lock();
    const auto alive = waiting.lock();
    if (!all || !alive) return;
    all->erase(alive);
    (*alive)(std::move(result));
  };
  const bool is_queued =
      reads_.put(postbox_, [answer, query = std::move(query)](Reader& reader) mutable -> Letter {
        return [answer, result = query(reader)]() mutable { answer(std::move(result)); };
      });
  if (is_queued) return;
  postbox_->post([answer] {
    answer(std::unexpected(Error{.code = Code::kOverloaded,
                                 .message = "too many queries wait for the store",
                                 .retry_after_ms = kReadRetryAfterMs}));
  });
}

void ShardStore::append(std::shared_ptr<const telemetry::SampleBlock> block,
                        Completion<void> done) {
  put(StoreSamples{std::move(block)}, std::move(done));
}

void ShardStore::read(telemetry::Range range, Completion<telemetry::Page> done) {
  ask<telemetry::Page>([range](Reader& reader) { return reader.read(range); }, std::move(done));
}

void ShardStore::read_from(protocol::DeviceKey device, std::int64_t first_offset, std::size_t limit,
                           Completion<telemetry::Page> done) {
  ask<telemetry::Page>(
      [=](Reader& reader) { return reader.read_from(device, first_offset, limit); },
      std::move(done));
}

void ShardStore::read_buckets(telemetry::BucketRange range,
                              Completion<telemetry::BucketPage> done) {
  ask<telemetry::BucketPage>(
      [range = std::move(range)](Reader& reader) { return reader.read_buckets(range); },
      std::move(done));
}

void ShardStore::first_since(protocol::DeviceKey device, std::int64_t since,
                             Completion<std::int64_t> done) {
  ask<std::int64_t>([=](Reader& reader) { return reader.first_since(device, since); },
                    std::move(done));
}

void ShardStore::save(devices::Device device, Completion<void> done) {
  put(SaveDevice{std::move(device)}, std::move(done));
}

void ShardStore::save_presence(protocol::DeviceKey key, std::int64_t session,
                               std::int64_t last_seen, Completion<void> done) {
  put(SavePresence{.key = key, .session = session, .last_seen = last_seen}, std::move(done));
}

void ShardStore::remove(protocol::DeviceKey key, Completion<void> done) {
  put(RemoveDevice{key}, std::move(done));
}

void ShardStore::save(commands::Command command, Completion<void> done) {
  put(SaveCommand{std::move(command)}, std::move(done));
}

void ShardStore::find(std::string id, Completion<std::optional<commands::Command>> done) {
  ask<std::optional<commands::Command>>(
      [id = std::move(id)](Reader& reader) { return reader.find(id); }, std::move(done));
}

void ShardStore::list(commands::ListQuery query, Completion<std::vector<commands::Command>> done) {
  ask<std::vector<commands::Command>>(
      [query = std::move(query)](Reader& reader) { return reader.list(query); }, std::move(done));
}

void ShardStore::create_fleet(commands::Fleet fleet, Completion<void> done) {
  put(CreateFleet{std::move(fleet)}, std::move(done));
}

void ShardStore::update_fleet(std::string id, commands::FleetProgress progress,
                              Completion<void> done) {
  put(UpdateFleet{.id = std::move(id), .progress = progress}, std::move(done));
}

void ShardStore::find_fleet(std::string id, Completion<std::optional<commands::Fleet>> done) {
  ask<std::optional<commands::Fleet>>(
      [id = std::move(id)](Reader& reader) { return reader.find_fleet(id); }, std::move(done));
}

void ShardStore::open_log(hub::ConnectionLog log, Completion<void> done) {
  put(OpenLog{std::move(log)}, std::move(done));
}

void ShardStore::close_log(hub::ConnectionLog log, Completion<void> done) {
  FAIRLEAD_ASSERT(log.disconnected_at.has_value());
  put(CloseLog{std::move(log)}, std::move(done));
}

/// A write that says by `has_more` whether it is to be put again.
template <typename Forget>
void ShardStore::put_forgetting(std::int64_t before_ms, Completion<bool> done) {
  auto has_more = std::make_shared<bool>(false);
  put(Forget{.before_ms = before_ms, .has_more = has_more},
      [has_more, done = std::move(done)](Result<void> result) mutable {
        if (!result) return done(std::unexpected(std::move(result.error())));
        done(*has_more);
      });
}

void ShardStore::forget_logs(std::int64_t before_ms, Completion<bool> done) {
  put_forgetting<ForgetLogs>(before_ms, std::move(done));
}

void ShardStore::forget_commands(std::int64_t before_ms, Completion<bool> done) {
  put_forgetting<ForgetCommands>(before_ms, std::move(done));
}

void ShardStore::list_logs(hub::LogQuery query, Completion<std::vector<hub::ConnectionLog>> done) {
  ask<std::vector<hub::ConnectionLog>>(
      [query = std::move(query)](Reader& reader) { return reader.list_logs(query); },
      std::move(done));
}

void ShardStore::save_subscription(hub::DurableSubscription subscription, Completion<void> done) {
  put(SaveSubscription{std::move(subscription)}, std::move(done));
}

void ShardStore::remove_subscription(std::string tenant, std::string subject, std::string name,
                                     Completion<void> done) {
  put(
      RemoveSubscription{
          .tenant = std::move(tenant), .subject = std::move(subject), .name = std::move(name)},
      std::move(done));
}

void ShardStore::revoke(auth::Revocation revocation, Completion<void> done) {
  put(Revoke{std::move(revocation)}, std::move(done));
}

void ShardStore::forget_expired(std::int64_t now_ms, Completion<void> done) {
  put(ForgetRevocations{now_ms}, std::move(done));
}

}  // namespace fairlead::store
