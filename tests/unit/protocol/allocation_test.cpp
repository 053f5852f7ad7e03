#include <doctest/doctest.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include "protocol/capabilities.h"
#include "protocol/events.h"
#include "protocol/parse.h"

namespace {

thread_local std::size_t allocations = 0;

void* counted_or_null(std::size_t bytes) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}

void* counted(std::size_t bytes) {
  void* const memory = counted_or_null(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// For this whole test program: all that allocates passes here.
void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace fairlead::protocol {
namespace {

std::string padded(std::string text) {
  text.append(64, '\0');
  return text;
}

}  // namespace

TEST_CASE("telemetry is read, checked and written without an allocation once buffers have grown") {
  const std::string single = padded(
      R"({"type":"telemetry","id":"1234","epoch":"b1","ts":1764000000000,"seq":41,"metrics":{"t":21.5,"u":48.25,"on":true,"s":"a\u0062"}})");
  std::string batch = R"({"type":"telemetry.batch","samples":[)";
  for (int i = 1; i < 100; ++i) batch += fmt::format(R"({{"seq":{},"metrics":{{"t":{}}}}},)", i, i);
  batch = padded(batch + R"({"seq":100,"metrics":{"t":100}}]})");
  const auto declared = Capabilities::parse(
      R"({"metrics":{"t":{"type":"number","minimum":-40,"maximum":125,"required":true}}})");
  Parser parser;
  std::string out;
  const auto handle = [&](const std::string& message) {
    const auto parsed =
        parser.parse(Codec::kJson, std::string_view(message).substr(0, message.size() - 64));
    bool is_good = parsed.has_value();
    if (!is_good) return false;
    for (const SampleView& sample : std::get<Telemetry>(parsed->request).samples) {
      is_good = is_good && declared->check(sample.metrics, "").empty();
      out.clear();
      write(out, TelemetryEvent{.device = "d", .metrics_json = sample.metrics_json});
    }
    return is_good;
  };
  CHECK(handle(single));
  CHECK(handle(batch));
  const std::size_t before = allocations;
  const bool both = handle(single) && handle(batch) && handle(single);
  const std::size_t made = allocations - before;
  CHECK(both);
  CHECK(made == 0);
}

}  // namespace fairlead::protocol
