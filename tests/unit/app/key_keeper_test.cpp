#include "app/key_keeper.h"

#include <doctest/doctest.h>

namespace fairlead::app {

TEST_CASE("a fetched set is used as long as it says, within a day and not under the cooldown") {
  const JwksUrl settings{.url = "", .ca_file = "", .refresh_s = 300, .cooldown_ms = 10'000};
  CHECK(lifetime_ms(settings, std::nullopt) == 300'000);
  CHECK(lifetime_ms(settings, 60) == 60'000);
  CHECK(lifetime_ms(settings, 0) == 10'000);
  CHECK(lifetime_ms(settings, 9'000'000'000'000'000) == 86'400'000);
}

}  // namespace fairlead::app
