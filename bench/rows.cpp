#include "bench/rows.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace fairlead::bench {
namespace {

std::vector<RowPlan> load_rows() {
  return {
      {.key = "ingest-16",
       .title = "durable acked ingest, 200 devices, 16 in flight",
       .unit = "us CPU/sample",
       .limit = 1.5,
       .measure = [](Lab& lab) { return measure_ingest(lab, 16); }},
      {.key = "ingest-1",
       .title = "the same, one in flight",
       .unit = "us CPU/sample",
       .limit = 1.3,
       .measure = [](Lab& lab) { return measure_ingest(lab, 1); }},
      {.key = "fanout-1",
       .title = "fan-out to 1000 subscribers, epoll, window 1",
       .unit = "us CPU/delivery",
       .limit = 1.05,
       .measure = [](Lab& lab) { return measure_fanout(lab, 1, "epoll"); }},
      {.key = "fanout-32",
       .title = "the same, window 32",
       .unit = "us CPU/delivery",
       .limit = 1.05,
       .measure = [](Lab& lab) { return measure_fanout(lab, 32, "epoll"); }},
      {.key = "fanout-uring",
       .title = "fan-out to 1000 subscribers, io_uring, window 1",
       .unit = "us CPU/delivery",
       .limit = 0.7,
       .measure = [](Lab& lab) { return measure_fanout(lab, 1, "uring"); }},
      {.key = "fanout-uring-32",
       .title = "the same, window 32",
       .unit = "us CPU/delivery",
       .limit = 0.7,
       .measure = [](Lab& lab) { return measure_fanout(lab, 32, "uring"); }},
  };
}

std::vector<RowPlan> connection_rows() {
  return {
      {.key = "idle",
       .title = "idle authenticated device",
       .unit = "bytes",
       .goal = Goal::kAtMost,
       .limit = 1024,
       .measure = [](Lab& lab) { return measure_idle_memory(lab, false); }},
      {.key = "connects",
       .title = "authenticated connects (HS256) per CPU second",
       .unit = "connects/CPU s",
       .goal = Goal::kRatioAtLeast,
       .limit = 0.7,
       .measure = measure_connects},
      {.key = "latency",
       .title = "device to subscriber at 10 000 samples/s, p99",
       .unit = "ms",
       .goal = Goal::kAboveFloorAtMost,
       .limit = 2,
       .measure = measure_latency},
      {.key = "strangers",
       .title = "the same while 200 ES384 tokens/s are checked, p99",
       .unit = "ms",
       .goal = Goal::kAboveFloorAtMost,
       .limit = 1,
       .measure = measure_strangers},
      {.key = "command",
       .title = "command round trip on an idle hub, p50",
       .unit = "ms",
       .limit = 1,
       .measure = measure_command},
      {.key = "crowd",
       .title = "cost per message, 15 000 connections against 100",
       .unit = "us CPU/sample",
       .limit = 1.1,
       .measure = measure_crowd},
      {.key = "subscriptions",
       .title = "100 000 subscriptions that do not match",
       .unit = "us CPU/sample",
       .limit = 1.02,
       .measure = measure_idle_subscriptions},
  };
}

std::vector<RowPlan> tls_rows() {
  return {
      {.key = "idle-tls",
       .title = "idle authenticated device, TLS",
       .unit = "bytes",
       .goal = Goal::kAtMost,
       .limit = 16384,
       .measure = [](Lab& lab) { return measure_idle_memory(lab, true); }},
      {.key = "ingest-tls",
       .title = "ingest with TLS against the hub in clear, 16 in flight",
       .unit = "us CPU/sample",
       .limit = 1.5,
       .measure = measure_tls_ingest},
      {.key = "tls-full",
       .title = "whole TLS handshakes (P-256), with connect and close",
       .unit = "us CPU/handshake",
       .goal = Goal::kAtMost,
       .limit = 500,
       .measure = [](Lab& lab) { return measure_tls_handshakes(lab, false); }},
      {.key = "tls-resumed",
       .title = "the same, resumed from a ticket",
       .unit = "us CPU/handshake",
       .goal = Goal::kAtMost,
       .limit = 500,
       .measure = [](Lab& lab) { return measure_tls_handshakes(lab, true); }},
  };
}

std::vector<RowPlan> history_rows() {
  return {
      {.key = "chart",
       .title = "one year of one metric at 1 Hz, charted, cold cache",
       .unit = "ms",
       .goal = Goal::kAtMost,
       .limit = 50,
       .measure = measure_chart},
  };
}

}  // namespace

std::vector<RowPlan> all_rows() {
  std::vector<RowPlan> rows = load_rows();
  for (auto more : {connection_rows(), tls_rows(), history_rows()}) {
    std::ranges::move(more, std::back_inserter(rows));
  }
  return rows;
}

}  // namespace fairlead::bench
