#include "app/composition.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string_view>
#include <thread>
#include <utility>

#include "app/key_keeper.h"
#include "app/peers.h"
#include "app/shard_site.h"
#include "app/shard_thread.h"
#include "app/shared_failures.h"
#include "app/store_settings.h"
#include "app/tenant_meters.h"
#include "app/verify_pool.h"
#include "auth/origin.h"
#include "base/random.h"
#include "http/routes.h"
#include "net/listener.h"
#include "net/senders.h"
#include "net/tls_credentials.h"
#include "net/trusted_proxies.h"
#include "store/store.h"

namespace fairlead::app {

namespace {

Result<net::Senders> make_senders(std::string_view io, std::size_t shards) {
  const auto wanted = io == "uring"   ? net::Io::kUring
                      : io == "epoll" ? net::Io::kEpoll
                                      : net::Io::kAuto;
  auto senders = net::make_senders(wanted, shards);
  if (!senders) {
    return fail(Code::kInvalid, "runtime.io = \"{}\": {}", io, senders.error().message);
  }
  const std::string& why = senders->why_epoll;
  spdlog::info("sends with {}{}{}", senders->each.front()->name(), why.empty() ? "" : ": ", why);
  return senders;
}

}  // namespace

// Destroyed from below: what uses comes after what is used.
struct Hub::Parts {
  Parts(Settings in_force, const Clock& clock_in, auth::OriginPolicy allowed)
      : settings(std::move(in_force)),
        clock(clock_in),
        origins(std::move(allowed)),
        memory(settings.hub.memory_bytes),
        gate({.sockets = settings.hub.connections + settings.hub.handshakes,
              .handshakes = settings.hub.handshakes,
              .per_address = settings.hub.connections_per_ip},
             memory),
        connections(settings.hub.connections),
        tenants(settings.hub.tenant_rate()) {}

  const Settings settings;
  const Clock& clock;
  const auth::OriginPolicy origins;
  MemoryMeter memory;
  net::Gate gate;
  Places connections;
  TenantMeters tenants;
  ShardSite::Front::Refused refused;
  std::unique_ptr<KeyKeeper> keys;
  std::unique_ptr<SharedFailures> failures;
  std::unique_ptr<VerifyPool> verifiers;
  std::shared_ptr<net::TlsCredentials> tls;
  net::TrustedProxies proxies;
  std::unique_ptr<net::Listener> listener;
  std::unique_ptr<net::Listener> admin_listener;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<StoreBackpressure> backpressure;
  std::unique_ptr<ShardMail> mail;
  std::unique_ptr<http::SiteSettings> site_settings;
  std::unique_ptr<http::RequestRates> rates;
  struct Front {
    std::unique_ptr<ShardSite> site;
    SystemRandom random;
    std::unique_ptr<http::Routes> routes;
    std::unique_ptr<http::Routes> admin_routes;
  };
  std::vector<std::unique_ptr<Front>> fronts;
  ShardSite::Shards shards;

  Result<void> open_net();
  Result<void> listen();
  net::ReactorOptions reactor_options();
  net::ReceptionRules reception_rules() const;
  Result<void> make_shards(protocol::DeviceKey last_key);
  void make_fronts();
  void restore(store::Loaded loaded);
  void tell_keys_to_shards();
};

Result<void> Hub::Parts::open_net() {
  auto trusted = net::TrustedProxies::make(settings.http_trusted_proxies);
  if (!trusted) return std::unexpected(trusted.error());
  proxies = std::move(*trusted);
  if (!settings.tls.certificate.empty()) {
    auto opened = net::TlsCredentials::open(settings.tls, clock.now_ms());
    if (!opened) return std::unexpected(opened.error());
    tls = std::move(*opened);
  }
  return listen();
}

net::ReceptionRules Hub::Parts::reception_rules() const {
  return {.tls = tls,
          .proxies_with_header = settings.http_proxy_protocol ? proxies : net::TrustedProxies(),
          .timeout_ms = settings.tls_timeout_ms,
          .max_inside = settings.tls_handshakes};
}

Result<void> Hub::Parts::listen() {
  auto main = net::Listener::open(settings.http_listen);
  if (!main) return std::unexpected(main.error());
  listener = std::move(*main);
  if (settings.http_admin_listen.empty()) return {};
  auto admin = net::Listener::open(settings.http_admin_listen);
  if (!admin) return std::unexpected(admin.error());
  admin_listener = std::move(*admin);
  return {};
}

net::ReactorOptions Hub::Parts::reactor_options() {
  net::ReactorOptions options{.http = settings.http, .memory = &memory};
  if (settings.is_deflating) {
    options.deflate = {.min_bytes = settings.deflate_min_bytes,
                       .level = settings.deflate_level,
                       .server_no_context_takeover = !settings.keeps_deflate_context,
                       .client_no_context_takeover = !settings.keeps_deflate_context};
  }
  return options;
}

Result<void> Hub::Parts::make_shards(protocol::DeviceKey last_key) {
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t count = settings.shards > 0 ? static_cast<std::size_t>(settings.shards) : cores;
  auto senders = make_senders(settings.io, count);
  if (!senders) return std::unexpected(senders.error());
  mail =
      std::make_unique<ShardMail>(count, settings.hub.connections_per_principal, tenants, memory);
  const net::ReactorOptions net = reactor_options();
  verifiers = std::make_unique<VerifyPool>(static_cast<std::size_t>(settings.verifiers),
                                           settings.tokens, clock);
  const ShardThread::Shared shared{.settings = settings.hub,
                                   .net = net,
                                   .tokens = settings.tokens,
                                   .keys = keys->keys(),
                                   .key_source = *keys,
                                   .failures = failures.get(),
                                   .verifiers = *verifiers,
                                   .clock = clock,
                                   .store = *store,
                                   .mail = *mail,
                                   .backpressure = *backpressure};
  for (std::size_t index = 0; index < count; ++index) {
    const devices::KeySeries series{.first = last_key + 1 + static_cast<protocol::DeviceKey>(index),
                                    .step = static_cast<protocol::DeviceKey>(count)};
    shards.push_back(
        std::make_unique<ShardThread>(index, shared, series, std::move(senders->each[index])));
  }
  return {};
}

void Hub::Parts::make_fronts() {
  site_settings = std::make_unique<http::SiteSettings>(
      http::SiteSettings{settings.hub, origins, settings.allow_query_token, proxies});
  rates = std::make_unique<http::RequestRates>(settings.hub.connection_rate(), tenants);
  const bool is_split = admin_listener != nullptr;
  for (std::size_t index = 0; index < shards.size(); ++index) {
    auto front = std::make_unique<Front>();
    front->site = std::make_unique<ShardSite>(
        index, shards, *mail, *store, *keys,
        ShardSite::Front{
            .gate = gate, .memory = memory, .connections = connections, .refused = refused});
    const auto serves = is_split ? http::Serves::kAllButAdmin : http::Serves::kEverything;
    front->routes = std::make_unique<http::Routes>(*front->site, *site_settings, *rates, serves,
                                                   clock, front->random);
    listener->watch(shards[index]->reactor(), *front->routes, &gate, reception_rules());
    if (is_split) {
      front->admin_routes = std::make_unique<http::Routes>(
          *front->site, *site_settings, *rates, http::Serves::kAdminOnly, clock, front->random);
      admin_listener->watch(shards[index]->reactor(), *front->admin_routes);
    }
    fronts.push_back(std::move(front));
  }
}

void Hub::Parts::restore(store::Loaded loaded) {
  const auto home_of = [this](const std::string& tenant, const std::string& name) -> hub::Shard& {
    return shards[shards[0]->shard().home_of(tenant, name)]->shard();
  };
  for (store::LoadedDevice& device : loaded.devices) {
    hub::Shard& home = home_of(device.device.tenant, device.device.id);
    home.home().restore(std::move(device.device), std::move(device.progress),
                        std::move(device.latest));
  }
  for (const commands::Command& command : loaded.unfinished) {
    home_of(command.tenant, command.device).home().restore(command);
  }
  for (const auth::Revocation& revocation : loaded.revocations) {
    for (const auto& shard : shards) shard->shard().restore(revocation);
  }
  for (hub::DurableSubscription& kept : loaded.subscriptions) {
    hub::Shard& home = home_of(kept.tenant, kept.subject);
    home.durables().restore(std::move(kept));
  }
  // Oldest first: that is the order in which they are forgotten.
  std::ranges::reverse(loaded.keys);
  for (const store::IdempotencyKey& key : loaded.keys) {
    home_of(key.tenant, key.issued_by)
        .idempotency_keys()
        .keep({key.tenant, key.issued_by, key.key}, key.command, key.issued_at);
  }
  std::ranges::reverse(loaded.fleet_keys);
  for (const store::IdempotencyKey& key : loaded.fleet_keys) {
    home_of(key.tenant, key.issued_by)
        .idempotency_keys()
        .keep({key.tenant, key.issued_by, key.key, true}, key.command, key.issued_at);
  }
  for (store::LoadedFleet& loaded_fleet : loaded.fleets) {
    const std::string tenant = loaded_fleet.fleet.tenant;
    home_of(tenant, "").fleet_desk().count(tenant);
    hub::Shard& owner = home_of(tenant, loaded_fleet.fleet.id);
    owner.fleets().restore(std::move(loaded_fleet.fleet), loaded_fleet.members);
  }
}

void Hub::Parts::tell_keys_to_shards() {
  using Keys = std::shared_ptr<const auth::KeySet>;
  const auto tell_all = [this](const auto& tell) {
    for (std::size_t index = 0; index < shards.size(); ++index) mail->post(index, tell);
  };
  keys->start({.on_rotated =
                   [tell_all](const Keys& now) {
                     tell_all([now](hub::Shard& shard) { shard.authenticator().rotate(now); });
                   },
               .on_search_ended =
                   [tell_all](std::uint64_t search, const Keys& now) {
                     tell_all([search, now](hub::Shard& shard) {
                       shard.authenticator().search_ended(search, now);
                     });
                   }});
}

Hub::Hub(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Hub::~Hub() { stop(); }

Result<std::unique_ptr<Hub>> Hub::open(Settings settings, const Clock& clock) {
  auto keys = KeyKeeper::open(settings, clock);
  if (!keys) return std::unexpected(keys.error());
  auto origins = auth::OriginPolicy::make(settings.http_allowed_origins);
  if (!origins) {
    return fail(Code::kInvalid, "http.allowed_origins: {}", origins.error().message);
  }
  auto parts = std::make_unique<Parts>(std::move(settings), clock, std::move(*origins));
  parts->keys = std::move(*keys);
  if (parts->settings.auth_failures_per_minute > 0) {
    parts->failures =
        std::make_unique<SharedFailures>(parts->settings.auth_failures_per_minute, clock);
  }
  if (auto opened = parts->open_net(); !opened) return std::unexpected(opened.error());
  const Settings& in_force = parts->settings;
  store::Settings for_store = store_settings(in_force);
  for_store.memory = &parts->memory;
  auto opened = store::Store::open(for_store, clock);
  if (!opened) return std::unexpected(opened.error());
  parts->store = std::move(*opened);
  spdlog::info("stores in {}", parts->store->describe());
  auto loaded = parts->store->load();
  if (!loaded) return std::unexpected(loaded.error());
  parts->backpressure = std::make_unique<StoreBackpressure>(*parts->store, parts->memory);
  if (auto made = parts->make_shards(loaded->last_key); !made) {
    return std::unexpected(made.error());
  }
  parts->make_fronts();
  parts->restore(std::move(*loaded));
  return std::make_unique<Hub>(std::move(parts));
}

Result<void> Hub::start() {
  if (auto started = parts_->store->start(); !started) return started;
  for (const auto& shard : parts_->shards) shard->start();
  parts_->tell_keys_to_shards();
  return {};
}

const std::string& Hub::address() const { return parts_->listener->local_address(); }

bool Hub::speaks_tls() const { return parts_->tls != nullptr; }

void Hub::reload() {
  if (auto reloaded = parts_->keys->reload(); !reloaded) {
    spdlog::error("reload: {}; the keys stay as they were", reloaded.error().message);
  } else {
    spdlog::info("reload: the keys were read anew");
  }
  if (!parts_->tls) return;
  if (auto read = parts_->tls->reload(parts_->clock.now_ms()); !read) {
    spdlog::error("reload: TLS stays as it was: {}", read.error().message);
  } else {
    spdlog::info("reload: TLS: read {} anew", parts_->settings.tls.certificate);
  }
}

void Hub::drain(std::int64_t give_up_after_ms) {
  parts_->listener->stop_accepting();
  const std::int64_t until = parts_->clock.steady_ms() + give_up_after_ms;
  for (const auto& shard : parts_->shards) shard->drain(until);
}

bool Hub::is_drained() const {
  return std::ranges::all_of(parts_->shards,
                             [](const auto& shard) { return shard->is_drained(); }) &&
         parts_->store->stats().queued_writes == 0;
}

void Hub::stop() {
  if (parts_->keys) parts_->keys->stop();
  if (parts_->verifiers) parts_->verifiers->stop();
  // First the shards: nobody may write to a store that has stopped.
  for (const auto& shard : parts_->shards) shard->stop();
  if (parts_->store) parts_->store->stop();
}

}  // namespace fairlead::app
