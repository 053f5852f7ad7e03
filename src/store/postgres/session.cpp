#include "store/postgres/session.h"

namespace fairlead::store::postgres {
namespace {

// A hub that is gone must not hold locks for hours: the server looks after it. Statements are
// planned once, whatever their values.
constexpr const char* kPreamble =
    "SET client_min_messages = warning; SET plan_cache_mode = force_generic_plan; "
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; "
    "SET idle_in_transaction_session_timeout = 60000; ";

}  // namespace

ConnectionOptions writer_session(const Options& options, const std::string& name) {
  return {.url = options.url,
          .name = name,
          .preamble = std::string(kPreamble) +
                      "SET synchronous_commit = " + (options.is_fully_durable ? "on" : "off"),
          .timeout = options.timeout};
}

ConnectionOptions reader_session(const Options& options) {
  return {.url = options.url,
          .name = "fairlead reader",
          .preamble = std::string(kPreamble) + "SET default_transaction_read_only = on",
          .timeout = options.timeout};
}

}  // namespace fairlead::store::postgres
