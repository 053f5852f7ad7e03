#include "auth/permissions.h"

#include <doctest/doctest.h>

#include <string>

using namespace fairlead;
using namespace fairlead::auth;

namespace {

const Principal kADevice{.kind = Kind::kDevice, .tenant = "t", .subject = "d"};

Principal client_with(Scopes scopes) {
  return {.tenant = "t", .subject = "c", .scopes = scopes, .all_devices = true};
}

Scopes all_but(Scope missing) {
  Scopes scopes;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(Scope::kAdmin); ++i) {
    if (static_cast<Scope>(i) != missing) scopes.add(static_cast<Scope>(i));
  }
  return scopes;
}

}  // namespace

TEST_CASE("each row is refused to the other kind, and a device's scopes change nothing") {
  Principal mighty = kADevice;
  mighty.scopes = Scopes::all();
  for (const Permission& row : kPermissions) {
    CAPTURE(row.name);
    CHECK(permit(kADevice, row.operation).has_value() == (row.who != Who::kClient));
    CHECK(permit(mighty, row.operation).has_value() == (row.who != Who::kClient));
    CHECK(permit(client_with(Scopes::all()), row.operation).has_value() ==
          (row.who != Who::kDevice));
  }
}

TEST_CASE("a client needs the row's scope, which no other and not all others replace") {
  for (const Permission& row : kPermissions) {
    CAPTURE(row.name);
    if (row.who == Who::kDevice) continue;
    CHECK(permit(client_with({}), row.operation).has_value() == !row.scope);
    if (!row.scope) continue;
    CHECK(permit(client_with({*row.scope}), row.operation).has_value());
    const auto refused = permit(client_with(all_but(*row.scope)), row.operation);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::kForbidden);
    CHECK(refused.error().message ==
          std::string(row.name) + ": needs the scope " + std::string(name_of(*row.scope)));
  }
}
