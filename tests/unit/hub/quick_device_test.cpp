// What a command costs whose device answers at once.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "harness.h"

namespace fairlead::hub {

TEST_CASE("a command to a quick device is stored by two commits from its sending to its end") {
  Harness hub;
  const auto device = hub.device("boiler");
  const auto client = hub.client();
  const std::size_t before = hub.disk().commits();
  hub.ask(*client, R"({"type":"command.send","id":1,"device":"boiler","name":"open"})");
  const std::string id = device->last()["command"].dump();
  client->take();
  hub.say(*device, fmt::format(R"({{"type":"command.result","id":2,"command":{},)"
                               R"("status":"executed"}})",
                               id));
  CHECK(client->received.empty());
  hub.commit();
  CHECK(hub.disk().commits() - before == 2);
  std::vector<std::string> told;
  for (const support::Json& update : client->received) {
    told.push_back(update["status"].as_string());
  }
  CHECK(told == std::vector<std::string>{"delivered", "executed"});
  CHECK(device->last()["type"] == "ack");
}

}  // namespace fairlead::hub
