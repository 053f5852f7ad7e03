#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include "support/hub_process.h"

using namespace fairlead::support;

TEST_CASE("the live page shows the fleet as it changes, and breaks no rule of its policy") {
  TempDir dir;
  const auto data = dir.path() / "data";
  Process hub(fairlead_binary(), {"serve", "--dev", "--listen", "127.0.0.1:0", "--data", data});
  std::string address;
  std::string link;
  while (link.empty()) {
    const std::string line = hub.read_line(Deadline{kStartPatience});
    const auto at = line.find("http://");
    if (at == std::string::npos) continue;
    if (line.find("token=") != std::string::npos) {
      link = line.substr(at, line.find(' ', at) - at);
    } else {
      address = line.substr(at + 7);
    }
  }
  Process fleet(fairlead_binary(),
                {"sim", "--url", fmt::format("ws://{}/v1/ws", address), "--jwt-secret-file",
                 data / "jwt.secret", "--devices", "3", "--rate", "5", "--vanish-every", "0"});
  const Finished seen = run("/usr/bin/node",
                            {source_dir() / "tests/e2e/page.mjs", link, dir.path() / "profile",
                             "sim-1", "sim-2", "sim-3"},
                            {}, Deadline{Milliseconds{200'000}});
  CAPTURE(seen.err);
  CAPTURE(seen.out);
  REQUIRE(seen.code == 0);
  const Json page = Json::parse(seen.out);
  CHECK(page["complaints"] == arr());
  CHECK(page["violations"] == arr());
  CHECK(page["title"].as_string().find("Fairlead") != std::string::npos);
  for (const char* id : {"sim-1", "sim-2", "sim-3"}) CHECK(page["changes"][id].size() >= 3);
  // The token is not left in the address, where a screenshot would show it.
  CHECK(page["address"].as_string().find("token=") == std::string::npos);
  fleet.signal(SIGTERM);
  CHECK(fleet.wait() == 0);
  hub.signal(SIGTERM);
  CHECK(hub.wait() == 0);
}
