#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "http/route_table.h"
#include "support/hub_process.h"

namespace fairlead::http {
namespace {

std::string cell(std::string_view text) { return text.empty() ? " |" : fmt::format(" {} |", text); }

std::string routes_of(auth::Operation operation) {
  std::string routes;
  for (const Route& route : kRoutes) {
    if (route.operation != operation) continue;
    std::string pattern(route.pattern);
    if (const std::size_t hole = pattern.find("{}"); hole != std::string::npos) {
      pattern.replace(hole, 2, "{id}");
    }
    if (!routes.empty()) routes += ", ";
    routes += fmt::format("`{} {}`", route.method, pattern);
  }
  return routes;
}

std::string_view text_of(auth::Who who) {
  switch (who) {
    case auth::Who::kAnyone:
      return "anyone";
    case auth::Who::kDevice:
      return "device";
    case auth::Who::kClient:
      return "client";
    case auth::Who::kClientOrItself:
      return "client, device itself";
  }
  return {};
}

std::string_view text_of(auth::Outside outside) {
  switch (outside) {
    case auth::Outside::kNone:
      return "";
    case auth::Outside::kNotFound:
      return "`not_found`";
    case auth::Outside::kLeftOut:
      return "left out";
  }
  return {};
}

std::string documented_row(const auth::Permission& row) {
  const std::string scope = row.scope ? fmt::format("`{}`", auth::name_of(*row.scope)) : "";
  return "|" + cell(fmt::format("`{}`", row.name)) + cell(routes_of(row.operation)) +
         cell(text_of(row.who)) + cell(scope) + cell(text_of(row.outside)) + "\n";
}

}  // namespace

TEST_CASE("docs/authorization.md shows the table of permissions, row by row") {
  std::string table = "| operation | HTTP | who | scope | other devices |\n|---|---|---|---|---|\n";
  for (const auth::Permission& row : auth::kPermissions) table += documented_row(row);
  const std::string page = support::read_file(support::source_dir() / "docs/authorization.md");
  CAPTURE(table);
  CHECK(page.find("\n" + table + "\n") != std::string::npos);
}

}  // namespace fairlead::http
