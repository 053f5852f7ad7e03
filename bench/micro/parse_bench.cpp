// What reading a message costs: telemetry of four metrics (about 150 bytes), alone and in batches.

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "protocol/capabilities.h"
#include "protocol/cbor.h"
#include "protocol/events.h"
#include "protocol/parse.h"

namespace {

using namespace fairlead;
using namespace fairlead::protocol;

constexpr std::string_view kMetrics =
    R"({"temperature":21.5,"humidity":48.25,"pressure":1013.2,"fan":true})";

std::string sample_members(int seq) {
  return fmt::format(R"("ts":1764000000000,"seq":{},"metrics":{})", seq, kMetrics);
}

std::string message() {
  return R"({"type":"telemetry","id":"1234","epoch":"b1",)" + sample_members(41) + "}";
}

std::string padded(std::string text) {
  text.append(64, '\0');
  return text;
}

void count(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

void parse_telemetry(benchmark::State& state) {
  const std::string buffer = padded(message());
  const std::string_view bytes(buffer.data(), message().size());
  Parser parser;
  for (auto _ : state) benchmark::DoNotOptimize(parser.parse(Codec::kJson, bytes));
  count(state, bytes.size());
}
BENCHMARK(parse_telemetry);

void parse_telemetry_cbor(benchmark::State& state) {
  std::string cbor;
  CborEncoder().encode(message(), cbor);
  Parser parser;
  for (auto _ : state) benchmark::DoNotOptimize(parser.parse(Codec::kCbor, cbor));
  count(state, cbor.size());
}
BENCHMARK(parse_telemetry_cbor);

void cbor_to_json_text(benchmark::State& state) {
  std::string cbor;
  CborEncoder().encode(message(), cbor);
  std::string json;
  for (auto _ : state) {
    json.clear();
    benchmark::DoNotOptimize(cbor_to_json(cbor, json));
  }
  count(state, cbor.size());
}
BENCHMARK(cbor_to_json_text);

void parse_batch(benchmark::State& state) {
  std::string text = R"({"type":"telemetry.batch","id":1,"samples":[)";
  for (int i = 0; i < state.range(0); ++i) {
    text += (i == 0 ? "{" : ",{") + sample_members(i + 1) + "}";
  }
  text += "]}";
  const std::string buffer = padded(text);
  Parser parser;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        parser.parse(Codec::kJson, std::string_view(buffer.data(), text.size())));
  }
  state.counters["ns/sample"] = benchmark::Counter(
      static_cast<double>(state.range(0)) * 1e-9,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(parse_batch)->Arg(10)->Arg(300);

void check_capabilities(benchmark::State& state) {
  const auto declared = Capabilities::parse(
      R"({"metrics":{"temperature":{"type":"number","minimum":-40,"maximum":125},
          "humidity":{"type":"number","required":true},"pressure":{"type":"number"},
          "fan":{"type":"boolean"}},"additional":false})");
  const std::string buffer = padded(message());
  Parser parser;
  const auto parsed = parser.parse(Codec::kJson, {buffer.data(), message().size()});
  const auto metrics = std::get<Telemetry>(parsed->request).samples[0].metrics;
  for (auto _ : state) benchmark::DoNotOptimize(declared->check(metrics, ""));
}
BENCHMARK(check_capabilities);

void write_telemetry_event(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    write(out, TelemetryEvent{.device = "boiler-7",
                              .offset = 1235,
                              .ts = 1764000000000,
                              .at = 1764000000003,
                              .metrics_json = kMetrics});
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(write_telemetry_event);

}  // namespace
