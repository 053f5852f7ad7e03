// What a hundred thousand commands that wait cost.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

#include "unit/commands/world.h"

namespace {

/// Bytes that the heap has given, with what it keeps beside each piece.
std::size_t held = 0;
constexpr std::size_t kBesideEach = 8;

void* counted(std::size_t bytes) {
  void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory != nullptr) held += ::malloc_usable_size(memory) + kBesideEach;
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) held -= ::malloc_usable_size(memory) + kBesideEach;
  std::free(memory);
}

}  // namespace

// For this whole test program: all that allocates passes here.
void* operator new(std::size_t bytes) {
  void* const memory = counted(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }

namespace fairlead::commands::testing {
namespace {

constexpr std::size_t kCommands = 100'000;
constexpr std::size_t kDevices = 10'000;
constexpr std::int64_t kSpread = 5'000;

/// Commands of many devices, pending.
struct Many {
  HandClock clock;
  HandRepository repository;
  RecordingLink link;
  RecordingSink sink;
  SeededRandom random{1};
  Service service{repository, link, sink, clock, random, {}};

  Many() {
    for (protocol::DeviceRef ref = 0; ref < kDevices; ++ref) service.know(ref, ref + 1);
  }
  void add(std::size_t number) {
    const auto ref = static_cast<protocol::DeviceRef>(number % kDevices);
    const auto place = static_cast<std::int64_t>(number);
    Command command;
    command.id = new_command_id(clock.now + place, random, 1, "");
    command.device_key = ref + 1;
    command.tenant = "default";
    command.device = fmt::format("boiler-{:06}", ref);
    command.name = "set_target";
    command.params = R"({"celsius":21.5,"ramp":"slow"})";
    command.is_queued = true;
    command.issued_by = "operator";
    command.issued_at = clock.now;
    command.expires_at = clock.now + 1'000 + place * 7919 % kSpread;
    command.history = {{State::kPending, clock.now}};
    service.restore(ref, command);
  }
};

}  // namespace

TEST_CASE("a pending command takes less than 512 bytes of memory") {
  Many many;
  const std::size_t before = held;
  for (std::size_t i = 0; i < kCommands; ++i) many.add(i);
  const std::size_t each = (held - before) / kCommands;
  MESSAGE("bytes of a pending command: ", each);
  CHECK(many.service.count(State::kPending) == kCommands);
  CHECK(each < 512);
}

TEST_CASE("a hundred thousand commands expire each at its time") {
  Many many;
  for (std::size_t i = 0; i < kCommands; ++i) many.add(i);
  const std::int64_t begin = many.clock.now;
  std::size_t expired = 0;
  while (many.service.next_deadline()) {
    many.clock.now = *many.service.next_deadline();
    many.service.fire(many.clock.now);
    many.repository.commit_all();
    for (const ToldChange& change : many.sink.told) {
      if (change.state == State::kExpired) ++expired;
      if (many.repository.stored.at(change.command).expires_at != change.at) {
        FAIL("not at its time");
      }
    }
    many.sink.told.clear();
  }
  CHECK(expired == kCommands);
  CHECK(many.clock.now == begin + 1'000 + kSpread - 1);
}

}  // namespace fairlead::commands::testing
