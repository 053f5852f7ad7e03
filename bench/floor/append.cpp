// floor-append: what it costs to make samples durable, with nothing around it: one table in rowid
// order, no index, WAL, synchronous=FULL, so many samples a commit.
//
//   floor-append <file> <samples> <samples a commit>
//
// The file must not exist. Prints one line of JSON.
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/floor/bare_server.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kSetUp =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=OFF;"
    "CREATE TABLE telemetry_data(device INTEGER NOT NULL, offset INTEGER NOT NULL,"
    " ts INTEGER NOT NULL, at INTEGER NOT NULL, metrics TEXT NOT NULL) STRICT";
constexpr const char* kInsert = "INSERT INTO telemetry_data VALUES(?,?,?,?,?)";
constexpr const char* kMetrics =
    R"({"temperature":63.72,"pressure":1.913,"flow":21.48,"burner_on":true})";
constexpr int kDevices = 200;

void check(int code, sqlite3* database, int expected = SQLITE_OK) {
  if (code == expected) return;
  std::fprintf(stderr, "floor-append: %s\n", sqlite3_errmsg(database));
  std::exit(1);
}

void run(sqlite3* database, const char* sql) {
  check(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), database);
}

void insert(sqlite3* database, sqlite3_stmt* statement, sqlite3_int64 number) {
  sqlite3_bind_int64(statement, 1, number % kDevices);
  sqlite3_bind_int64(statement, 2, number / kDevices + 1);
  sqlite3_bind_int64(statement, 3, 1'764'000'000'000 + number);
  sqlite3_bind_int64(statement, 4, 1'764'000'000'003 + number);
  sqlite3_bind_text(statement, 5, kMetrics, -1, SQLITE_STATIC);
  check(sqlite3_step(statement), database, SQLITE_DONE);
  sqlite3_reset(statement);
}

long long at_share(const std::vector<long long>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: floor-append <file> <samples> <samples a commit>\n");
    return 1;
  }
  const long long samples = std::atoll(argv[2]);
  const long long group = std::max(1LL, std::atoll(argv[3]));
  sqlite3* database = nullptr;
  check(sqlite3_open(argv[1], &database), database);
  run(database, kSetUp);
  sqlite3_stmt* statement = nullptr;
  check(sqlite3_prepare_v2(database, kInsert, -1, &statement, nullptr), database);

  std::vector<long long> commits_us;
  const long long cpu_before = fairlead::bench::own_cpu_us();
  const auto begin = Clock::now();
  for (long long done = 0; done < samples;) {
    const auto commit_begin = Clock::now();
    run(database, "BEGIN");
    for (const long long end = std::min(samples, done + group); done < end; ++done) {
      insert(database, statement, done);
    }
    run(database, "COMMIT");
    commits_us.push_back(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - commit_begin).count());
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const long long cpu_us = fairlead::bench::own_cpu_us() - cpu_before;
  sqlite3_finalize(statement);
  sqlite3_close(database);

  std::sort(commits_us.begin(), commits_us.end());
  std::printf(
      "{\"samples\":%lld,\"commits\":%zu,\"cpu_us_per_sample\":%.4f,\"samples_per_s\":%.0f,"
      "\"commit_us_p50\":%lld,\"commit_us_p99\":%lld}\n",
      samples, commits_us.size(), static_cast<double>(cpu_us) / static_cast<double>(samples),
      static_cast<double>(samples) / seconds, at_share(commits_us, 0.5),
      at_share(commits_us, 0.99));
}
