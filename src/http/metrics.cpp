#include "http/metrics.h"

#include <limits>
#include <map>
#include <utility>

#include "commands/states.h"
#include "hub/router.h"

namespace fairlead::http {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;
using Buckets = std::vector<std::pair<double, std::uint64_t>>;

MetricFamily family(std::string name, std::string help, MetricType type) {
  MetricFamily made;
  made.name = std::move(name);
  made.help = std::move(help);
  made.type = type;
  return made;
}

void add(MetricFamily& to, Labels labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  if (to.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  to.metric.push_back(std::move(metric));
}

MetricFamily single(std::string name, std::string help, MetricType type, double value) {
  MetricFamily made = family(std::move(name), std::move(help), type);
  add(made, {}, value);
  return made;
}

MetricFamily histogram(std::string name, std::string help, const Buckets& buckets, double sum,
                       std::uint64_t count) {
  MetricFamily made = family(std::move(name), std::move(help), MetricType::Histogram);
  ClientMetric metric;
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = sum;
  for (const auto& [bound, cumulative] : buckets) {
    metric.histogram.bucket.push_back({.cumulative_count = cumulative, .upper_bound = bound});
  }
  metric.histogram.bucket.push_back(
      {.cumulative_count = count, .upper_bound = std::numeric_limits<double>::infinity()});
  made.metric.push_back(std::move(metric));
  return made;
}

/// The sum of `of(shard)` over all shards.
template <typename Of>
double sum(const std::vector<ShardMetrics>& shards, Of&& of) {
  double total = 0;
  for (const ShardMetrics& shard : shards) total += static_cast<double>(of(shard));
  return total;
}

using Families = std::vector<MetricFamily>;

void add_connections(Families& families, const std::vector<ShardMetrics>& shards) {
  MetricFamily open = family("fairlead_connections", "Open connections", MetricType::Gauge);
  add(open, {{"kind", "device"}}, sum(shards, [](auto& s) { return s.gauges.connected_devices; }));
  add(open, {{"kind", "client"}}, sum(shards, [](auto& s) { return s.gauges.clients; }));
  families.push_back(std::move(open));
  MetricFamily connects =
      family("fairlead_connects_total", "Authenticated connects", MetricType::Counter);
  add(connects, {{"kind", "device"}}, sum(shards, [](auto& s) { return s.hub.device_connects; }));
  add(connects, {{"kind", "client"}}, sum(shards, [](auto& s) { return s.hub.client_connects; }));
  families.push_back(std::move(connects));
  // Codes of the peer's own choice are one label: they must not make series without bound.
  std::map<std::string, double> ends;
  for (const protocol::CloseInfo& close : protocol::kCloses) {
    ends[std::to_string(static_cast<int>(close.code))] = 0;
  }
  for (const ShardMetrics& shard : shards) {
    for (const auto& [code, count] : shard.hub.ends) {
      const std::string label = std::to_string(code);
      ends[ends.contains(label) ? label : "other"] += static_cast<double>(count);
    }
  }
  MetricFamily ended = family("fairlead_connection_ends_total",
                              "Ended connections by close code (1006: lost)", MetricType::Counter);
  for (const auto& [code, count] : ends) add(ended, {{"reason", code}}, count);
  families.push_back(std::move(ended));
  MetricFamily refused =
      family("fairlead_failed_auths_total", "Tokens that were refused", MetricType::Counter);
  for (std::size_t i = 0; i < auth::kRefusalCount; ++i) {
    add(refused, {{"reason", std::string(auth::kRefusalNames[i])}},
        sum(shards, [i](auto& s) { return s.refused_tokens[i]; }));
  }
  families.push_back(std::move(refused));
}

void add_traffic(Families& families, const std::vector<ShardMetrics>& shards) {
  MetricFamily messages =
      family("fairlead_messages_total", "Requests by type of message", MetricType::Counter);
  for (std::size_t i = 0; i < hub::kMessageRules.size(); ++i) {
    add(messages, {{"type", std::string(hub::kMessageRules[i].type)}},
        sum(shards, [i](auto& s) { return s.hub.requests[i]; }));
  }
  families.push_back(std::move(messages));
  MetricFamily samples = family("fairlead_telemetry_samples_total",
                                "Samples by what became of them", MetricType::Counter);
  add(samples, {{"result", "accepted"}}, sum(shards, [](auto& s) { return s.telemetry.accepted; }));
  add(samples, {{"result", "duplicate"}},
      sum(shards, [](auto& s) { return s.telemetry.duplicates; }));
  add(samples, {{"result", "refused"}},
      sum(shards, [](auto& s) { return s.telemetry.refused + s.hub.malformed_samples; }));
  families.push_back(std::move(samples));
  families.push_back(single("fairlead_dropped_events_total",
                            "Telemetry events that slow readers did not get", MetricType::Counter,
                            sum(shards, [](auto& s) { return s.hub.dropped_telemetry; })));
  families.push_back(single("fairlead_net_received_bytes_total", "Bytes read from sockets",
                            MetricType::Counter,
                            sum(shards, [](auto& s) { return s.net.bytes_in; })));
  families.push_back(single("fairlead_net_sent_bytes_total", "Bytes written to sockets",
                            MetricType::Counter,
                            sum(shards, [](auto& s) { return s.net.bytes_out; })));
  families.push_back(single(
      "fairlead_net_deflates_total", "Messages that were compressed, each once for all who get it",
      MetricType::Counter, sum(shards, [](auto& s) { return s.net.deflates; })));
  families.push_back(single("fairlead_net_deflate_saved_bytes_total",
                            "Bytes that compression kept off the sockets", MetricType::Counter,
                            sum(shards, [](auto& s) { return s.net.deflate_saved_bytes; })));
  families.push_back(single("fairlead_http_requests_total", "HTTP requests, handshakes included",
                            MetricType::Counter,
                            sum(shards, [](auto& s) { return s.net.requests; })));
}

void add_net(Families& families, const std::vector<ShardMetrics>& shards) {
  MetricFamily io =
      family("fairlead_net_shards", "Shards by how they send (runtime.io)", MetricType::Gauge);
  for (const std::string_view kind : {"epoll", "uring"}) {
    add(io, {{"io", std::string(kind)}}, sum(shards, [kind](auto& s) { return s.io == kind; }));
  }
  families.push_back(std::move(io));
}

void add_arrivals(Families& families, const std::vector<ShardMetrics>& shards) {
  MetricFamily handshakes = family("fairlead_tls_handshakes_total",
                                   "TLS handshakes by how they ended", MetricType::Counter);
  add(handshakes, {{"result", "full"}}, sum(shards, [](auto& s) { return s.net.tls_full; }));
  add(handshakes, {{"result", "resumed"}}, sum(shards, [](auto& s) { return s.net.tls_resumed; }));
  add(handshakes, {{"result", "failed"}}, sum(shards, [](auto& s) { return s.net.tls_failed; }));
  add(handshakes, {{"result", "late"}}, sum(shards, [](auto& s) { return s.net.newcomers_late; }));
  add(handshakes, {{"result", "dropped"}},
      sum(shards, [](auto& s) { return s.net.newcomers_dropped; }));
  families.push_back(std::move(handshakes));
  families.push_back(single("fairlead_arriving_connections",
                            "Connections that are not through PROXY header and TLS handshake",
                            MetricType::Gauge,
                            sum(shards, [](auto& s) { return s.net.newcomers; })));
  families.push_back(single("fairlead_bad_proxy_headers_total",
                            "Connections of trusted proxies that began with no PROXY header",
                            MetricType::Counter,
                            sum(shards, [](auto& s) { return s.net.bad_proxy_headers; })));
}

void add_state(Families& families, const std::vector<ShardMetrics>& shards) {
  families.push_back(single("fairlead_devices", "Devices in the registry", MetricType::Gauge,
                            sum(shards, [](auto& s) { return s.gauges.devices; })));
  families.push_back(
      single("fairlead_subscriptions", "Subscriptions, counted on each shard that knows them",
             MetricType::Gauge, sum(shards, [](auto& s) { return s.gauges.subscriptions; })));
  families.push_back(single("fairlead_durable_subscriptions", "Durable subscriptions that are kept",
                            MetricType::Gauge,
                            sum(shards, [](auto& s) { return s.gauges.durable_subscriptions; })));
  MetricFamily commands =
      family("fairlead_commands", "Unfinished commands by state", MetricType::Gauge);
  for (std::size_t i = 0; i < commands::kStateCount; ++i) {
    const auto state = static_cast<commands::State>(i);
    if (commands::is_final(state)) continue;
    add(commands, {{"state", std::string(commands::name_of(state))}},
        sum(shards, [i](auto& s) { return s.gauges.commands[i]; }));
  }
  families.push_back(std::move(commands));
}

void add_store(Families& families, const StoreMetrics& store) {
  families.push_back(histogram("fairlead_store_commit_seconds", "Time of a commit",
                               store.commit_seconds, store.commit_seconds_sum, store.commits));
  families.push_back(histogram("fairlead_store_batch_writes", "Writes in a commit",
                               store.batch_writes, store.batch_writes_sum, store.commits));
  families.push_back(single("fairlead_store_failed_commits_total", "Commits that failed",
                            MetricType::Counter, static_cast<double>(store.failed_commits)));
  families.push_back(single("fairlead_store_reads_total", "Queries answered by the store",
                            MetricType::Counter, static_cast<double>(store.reads)));
  families.push_back(single("fairlead_store_queue_writes", "Writes that wait for a commit",
                            MetricType::Gauge, static_cast<double>(store.queued_writes)));
  families.push_back(single("fairlead_store_queue_bytes", "Bytes that wait for a commit",
                            MetricType::Gauge, static_cast<double>(store.queued_bytes)));
  families.push_back(single("fairlead_store_failing", "1 while the store cannot write",
                            MetricType::Gauge, store.is_failing ? 1 : 0));
}

void add_keys(Families& families, const KeyMetrics& keys) {
  MetricFamily fetches =
      family("fairlead_jwks_fetches_total", "Fetches of auth.jwks_url", MetricType::Counter);
  add(fetches, {{"result", "ok"}}, static_cast<double>(keys.fetches));
  add(fetches, {{"result", "failed"}}, static_cast<double>(keys.failed_fetches));
  families.push_back(std::move(fetches));
  families.push_back(single("fairlead_jwks_keys", "Keys of the last good fetch", MetricType::Gauge,
                            static_cast<double>(keys.keys)));
  families.push_back(single("fairlead_jwks_age_seconds", "Age of the last good fetch",
                            MetricType::Gauge, keys.age_seconds));
}

void add_front(Families& families, const FrontMetrics& front) {
  families.push_back(single("fairlead_sockets", "Sockets of peers, whatever they speak",
                            MetricType::Gauge, static_cast<double>(front.sockets)));
  families.push_back(single("fairlead_handshakes",
                            "Sockets that have neither sent a whole request nor a good token",
                            MetricType::Gauge, static_cast<double>(front.handshakes)));
  MetricFamily refused =
      family("fairlead_refused_connections_total",
             "Connections turned away by the limit that was met", MetricType::Counter);
  for (const auto& [reason, count] : front.refused) add(refused, {{"reason", reason}}, count);
  families.push_back(std::move(refused));
  MetricFamily memory =
      family("fairlead_memory_bytes", "Bytes held for peers and the store by what they wait for",
             MetricType::Gauge);
  for (const auto& [kind, bytes] : front.memory) add(memory, {{"kind", kind}}, bytes);
  families.push_back(std::move(memory));
}

}  // namespace

std::vector<MetricFamily> metric_families(const std::vector<ShardMetrics>& shards,
                                          const StoreMetrics& store, const FrontMetrics& front,
                                          const std::optional<KeyMetrics>& keys) {
  Families families;
  add_connections(families, shards);
  add_traffic(families, shards);
  add_net(families, shards);
  add_arrivals(families, shards);
  add_state(families, shards);
  add_store(families, store);
  add_front(families, front);
  if (keys) add_keys(families, *keys);
  return families;
}

}  // namespace fairlead::http
