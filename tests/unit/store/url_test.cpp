#include "store/url.h"

#include <doctest/doctest.h>

namespace fairlead::store::test {

TEST_CASE("no URL is SQLite, and both of PostgreSQL's schemes are known") {
  CHECK(kind_of_url("") == Kind::kSqlite);
  CHECK(kind_of_url("postgres://me:hunter2@host/x") == Kind::kPostgres);
  CHECK(kind_of_url("postgresql:///x?host=/run/postgresql") == Kind::kPostgres);
}

TEST_CASE("of an unknown URL only the scheme is said") {
  CHECK(kind_of_url("mysql://me:hunter2@host/x").error().message ==
        "store.url: unknown store mysql; it is postgresql://… or empty, for SQLite in store.data");
  CHECK(kind_of_url("hunter2").error().message ==
        "store.url: unknown store; it is postgresql://… or empty, for SQLite in store.data");
  const auto bad = kind_of_url("postgres://me:hunter2%zz@host/x");
  REQUIRE(!bad);
  CHECK(bad.error().message.find("hunter2") == std::string::npos);
  CHECK(bad.error().message.starts_with("store.url: must be postgresql://"));
}

TEST_CASE("every password in a URL is masked, and nothing else") {
  CHECK(masked_url("") == "");
  CHECK(masked_url("postgresql://host:5432/x") == "postgresql://host:5432/x");
  CHECK(masked_url("postgresql://me@host:5432/x?sslmode=require") ==
        "postgresql://me@host:5432/x?sslmode=require");
  CHECK(masked_url("postgres://me:hunter2@host:5432/x") == "postgres://me:***@host:5432/x");
  CHECK(masked_url("postgres://me:hun/t@er?2@host/x") == "postgres://me:***@host/x");
  CHECK(masked_url("postgres:///x?password=hunter2&host=/run&sslpassword=hunter3") ==
        "postgres:///x?password=***&host=/run&sslpassword=***");
  CHECK(masked_url("me:hunter2@host") == "***");
}

}  // namespace fairlead::store::test
