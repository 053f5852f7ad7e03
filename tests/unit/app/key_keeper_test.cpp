#include "app/key_keeper.h"

#include <doctest/doctest.h>

#include <atomic>

#include "base/clock.h"
#include "support/deadline.h"
#include "support/issuer_key.h"
#include "support/key_server.h"

namespace fairlead::app {

TEST_CASE("a fetched set is used as long as it says, within a day and not under the cooldown") {
  const JwksUrl settings{.url = "", .ca_file = "", .refresh_s = 300, .cooldown_ms = 10'000};
  CHECK(lifetime_ms(settings, std::nullopt) == 300'000);
  CHECK(lifetime_ms(settings, 60) == 60'000);
  CHECK(lifetime_ms(settings, 0) == 10'000);
  CHECK(lifetime_ms(settings, 9'000'000'000'000'000) == 86'400'000);
}

TEST_CASE("a shard that has not heard of the end of a search does not begin another") {
  const support::IssuerKey key("one");
  const support::KeyServer server(support::jwks_of(key));
  const SystemClock clock;
  Settings settings;
  settings.jwks_url.url = server.url();
  settings.jwks_url.cooldown_ms = 3'600'000;
  const auto keeper = KeyKeeper::open(settings, clock);
  REQUIRE(keeper.has_value());
  std::atomic<std::uint64_t> ended = 0;
  (*keeper)->start(
      {.on_rotated = {}, .on_search_ended = [&ended](std::uint64_t search, const auto& /*keys*/) {
         ended = search;
       }});
  REQUIRE(support::eventually([&] { return ended == 1; }));
  const auth::KeySource::Answer unaware = (*keeper)->search(0);
  CHECK(unaware.search == auth::KeySource::Search::kRuns);
  CHECK(unaware.number == 1);
  const auth::KeySource::Answer aware = (*keeper)->search(1);
  CHECK(aware.search == auth::KeySource::Search::kBegins);
  CHECK(aware.number == 2);
  (*keeper)->stop();
}

}  // namespace fairlead::app
