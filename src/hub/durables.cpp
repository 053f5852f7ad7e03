#include "hub/durables.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace fairlead::hub {
namespace {

constexpr std::int64_t kMinTouchMs = 60'000;
/// Clients that one step looks at.
constexpr std::size_t kOwnersAtOnce = 256;

Result<std::string> not_found(const std::string& name) {
  return fail(Code::kNotFound, "durable subscription {}: not found", name);
}

}  // namespace

std::int64_t durable_touch_ms(const Settings& settings) {
  const std::int64_t ttl_ms = settings.durable_ttl_s * 1000;
  return std::min(std::max(kMinTouchMs, ttl_ms / 100), ttl_ms / 4);
}

Durables::Durables(Repository& repository, const Settings& settings, const Clock& clock)
    : repository_(repository), settings_(settings), clock_(clock) {}

void Durables::restore(DurableSubscription kept) {
  Entry& entry = owners_[{std::move(kept.tenant), std::move(kept.subject)}][std::move(kept.name)];
  entry.stored = kept.definition;
  set(entry, std::move(kept.definition));
  entry.used_at = kept.used_at;
  entry.stored_used_at = kept.used_at;
}

Durables::Entry* Durables::find(const DurableOwner& owner, const std::string& name) {
  const auto names = owners_.find(owner);
  if (names == owners_.end()) return nullptr;
  const auto entry = names->second.find(name);
  return entry == names->second.end() ? nullptr : &entry->second;
}

bool Durables::is_unused(const Entry& entry) const {
  return clock_.now_ms() - entry.used_at > settings_.durable_ttl_s * 1000;
}

void Durables::set(Entry& entry, std::optional<std::string> definition) {
  size_ += static_cast<std::size_t>(definition.has_value());
  size_ -= static_cast<std::size_t>(entry.definition.has_value());
  entry.definition = std::move(definition);
}

void Durables::put(const DurableOwner& owner, const std::string& name, std::string definition,
                   Completion<void> done) {
  Names& names = owners_[owner];
  const auto others = std::ranges::count_if(names, [&](const auto& each) {
    return each.first != name && each.second.definition && !is_unused(each.second);
  });
  if (static_cast<std::size_t>(others) >= settings_.durable_subscriptions) {
    Error error{.code = Code::kTooLarge,
                .message = fmt::format("a client has at most {} durable subscriptions",
                                       settings_.durable_subscriptions)};
    error.limit = static_cast<std::int64_t>(settings_.durable_subscriptions);
    if (names.empty()) owners_.erase(owner);
    done(std::unexpected(std::move(error)));
    return;
  }
  Entry& entry = names[name];
  set(entry, std::move(definition));
  write(owner, name, entry, std::move(done));
}

void Durables::take_up(const DurableOwner& owner, const std::string& name,
                       Completion<std::string> done) {
  Entry* const entry = find(owner, name);
  if (entry == nullptr || !entry->definition || is_unused(*entry)) return done(not_found(name));
  entry->used_at = clock_.now_ms();
  const bool is_fresh = entry->used_at - entry->stored_used_at < durable_touch_ms(settings_);
  // What is not stored yet is answered when it is: writes end in the order asked.
  if (is_fresh && entry->in_flight == 0) return done(*entry->definition);
  write(owner, name, *entry,
        [definition = *entry->definition, done = std::move(done)](Result<void> result) mutable {
          if (!result) return done(std::unexpected(std::move(result.error())));
          done(std::move(definition));
        });
}

void Durables::remove(const DurableOwner& owner, const std::string& name, Completion<void> done) {
  Entry* const entry = find(owner, name);
  if (entry == nullptr || !entry->definition) {
    done(std::unexpected(not_found(name).error()));
    return;
  }
  set(*entry, std::nullopt);
  write(owner, name, *entry, std::move(done));
}

void Durables::touch(const DurableOwner& owner, const std::string& name) {
  Entry* const entry = find(owner, name);
  if (entry == nullptr || !entry->definition) return;
  entry->used_at = clock_.now_ms();
  const bool is_fresh = entry->used_at - entry->stored_used_at < durable_touch_ms(settings_);
  if (!is_fresh && entry->in_flight == 0) write(owner, name, *entry, [](Result<void>) {});
}

/// The store gets what the entry is now.
void Durables::write(const DurableOwner& owner, const std::string& name, Entry& entry,
                     Completion<void> done) {
  entry.used_at = clock_.now_ms();
  ++entry.in_flight;
  entry.last_write = ++writes_;
  auto ended = [this, owner, name, number = writes_, definition = entry.definition,
                used_at = entry.used_at, done = std::move(done)](Result<void> result) mutable {
    written(owner, name, number, definition, used_at, result.has_value());
    done(std::move(result));
  };
  if (!entry.definition) {
    repository_.remove_subscription(owner.tenant, owner.subject, name, std::move(ended));
    return;
  }
  repository_.save_subscription({.tenant = owner.tenant,
                                 .subject = owner.subject,
                                 .name = name,
                                 .definition = *entry.definition,
                                 .used_at = entry.used_at},
                                std::move(ended));
}

void Durables::written(const DurableOwner& owner, const std::string& name, std::uint64_t number,
                       const std::optional<std::string>& definition, std::int64_t used_at,
                       bool is_stored) {
  Entry* const entry = find(owner, name);
  FAIRLEAD_ASSERT(entry != nullptr);
  --entry->in_flight;
  if (is_stored) {
    entry->stored = definition;
    entry->stored_used_at = used_at;
  } else if (entry->last_write == number) {
    // Nothing was asked for since: it is again as it is stored.
    set(*entry, entry->stored);
  }
  if (entry->definition || entry->in_flight > 0) return;
  const auto names = owners_.find(owner);
  names->second.erase(name);
  if (names->second.empty()) owners_.erase(names);
}

void Durables::drop_unused() {
  std::vector<std::pair<DurableOwner, std::string>> unused;
  auto place = owners_.upper_bound(looked_at_);
  for (std::size_t i = 0; i < kOwnersAtOnce && place != owners_.end(); ++i, ++place) {
    for (const auto& [name, entry] : place->second) {
      if (entry.definition && entry.in_flight == 0 && is_unused(entry)) {
        unused.emplace_back(place->first, name);
      }
    }
    looked_at_ = place->first;
  }
  if (place == owners_.end()) looked_at_ = {};
  // One that cannot be dropped now is met again.
  for (const auto& [owner, name] : unused) remove(owner, name, [](Result<void>) {});
}

}  // namespace fairlead::hub
