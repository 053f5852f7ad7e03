#include "auth/principal.h"

#include <doctest/doctest.h>

#include <string>

using namespace fairlead::auth;

TEST_CASE("scopes are read from the words of a claim, and unknown words change nothing") {
  const Scopes scopes = Scopes::from_claim("telemetry:read  openid command:send TELEMETRY:WRITE ");
  CHECK(scopes == Scopes{Scope::kTelemetryRead, Scope::kCommandSend});
  CHECK(scopes.to_claim() == "telemetry:read command:send");
  CHECK(Scopes::from_claim("").is_empty());
  CHECK(Scopes::from_claim("   ").is_empty());
}

TEST_CASE("every scope has a name that is read back") {
  CHECK(Scopes::from_claim(Scopes::all().to_claim()) == Scopes::all());
  CHECK(Scopes::all().to_claim() ==
        "telemetry:read telemetry:write device:read device:write command:read command:send "
        "connection:read admin");
}

TEST_CASE("admin implies no other scope") {
  const Principal admin{
      .kind = Kind::kClient, .tenant = "t", .subject = "s", .scopes = {Scope::kAdmin}};
  CHECK(admin.has(Scope::kAdmin));
  CHECK_FALSE(admin.has(Scope::kTelemetryRead));
  CHECK_FALSE(admin.has(Scope::kConnectionRead));
}

TEST_CASE(
    "a client touches what its patterns match, all if it has no claim, nothing if it is empty") {
  Principal client{.kind = Kind::kClient, .tenant = "t", .subject = "app"};
  CHECK_FALSE(may_touch(client, "app"));
  client.devices = std::vector<std::string>{"boiler-*", "pump"};
  CHECK(may_touch(client, "boiler-1"));
  CHECK(may_touch(client, "pump"));
  CHECK_FALSE(may_touch(client, "pump-2"));
  CHECK_FALSE(may_touch(client, "boiler"));
  client.devices.reset();
  client.all_devices = true;
  CHECK(may_touch(client, "pump-2"));
}

TEST_CASE("a device touches itself only, whatever its token lists") {
  const Principal device{.kind = Kind::kDevice,
                         .tenant = "t",
                         .subject = "boiler-7",
                         .all_devices = true,
                         .devices = std::vector<std::string>{"*"}};
  CHECK(may_touch(device, "boiler-7"));
  CHECK_FALSE(may_touch(device, "boiler-8"));
}

TEST_CASE("tenant, kind and subject make an identity; permissions do not") {
  const Principal one{.kind = Kind::kClient, .tenant = "t", .subject = "s"};
  Principal other = one;
  other.scopes = Scopes::all();
  other.expires_at_ms = 5;
  CHECK(is_same_identity(one, other));
  other.tenant = "u";
  CHECK_FALSE(is_same_identity(one, other));
  other = one;
  other.kind = Kind::kDevice;
  CHECK_FALSE(is_same_identity(one, other));
  other = one;
  other.subject = "S";
  CHECK_FALSE(is_same_identity(one, other));
}
