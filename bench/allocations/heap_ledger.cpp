#include "bench/allocations/heap_ledger.h"

#include <execinfo.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <span>
#include <vector>

// glibc's own, under the names that it keeps for those who replace the others.
extern "C" {
void* glibc_malloc(std::size_t size) __asm__("__libc_malloc");
void* glibc_calloc(std::size_t count, std::size_t size) __asm__("__libc_calloc");
void* glibc_realloc(void* block, std::size_t size) __asm__("__libc_realloc");
void* glibc_memalign(std::size_t alignment, std::size_t size) __asm__("__libc_memalign");
void glibc_free(void* block) __asm__("__libc_free");
}

namespace fairlead::bench {
namespace {

constexpr std::size_t kFrames = 40;
constexpr std::size_t kSites = 4096;
/// Of a function as it is printed.
constexpr std::size_t kNameLength = 80;
/// Of each stack: count_allocation and malloc.
constexpr std::size_t kOwnFrames = 2;

struct Site {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  std::size_t depth = 0;
  std::array<void*, kFrames> frames{};
};

// What malloc itself writes can live nowhere but in static memory.
thread_local bool is_counting = false;
thread_local bool is_inside = false;
thread_local HeapCount counted;
bool is_keeping_stacks = false;
std::array<Site, kSites> sites;

void note_site(std::size_t bytes) {
  std::array<void*, kFrames> frames{};
  const int depth = backtrace(frames.data(), static_cast<int>(kFrames));
  std::uint64_t hash = 14695981039346656037ULL;
  for (const void* frame : frames) {
    hash = (hash ^ reinterpret_cast<std::uintptr_t>(frame)) * 1099511628211ULL;
  }
  // The last place takes what finds no other.
  std::size_t place = hash % kSites;
  for (std::size_t tries = 0; tries < kSites; ++tries, place = (place + 1) % kSites) {
    Site& site = sites[place];
    if (site.count != 0 && site.frames != frames) continue;
    site.frames = frames;
    site.depth = static_cast<std::size_t>(std::max(depth, 0));
    ++site.count;
    site.bytes += bytes;
    return;
  }
}

[[gnu::noinline]] void count_allocation(std::size_t bytes) {
  if (!is_counting || is_inside) return;
  is_inside = true;
  ++counted.allocations;
  counted.bytes += bytes;
  if (is_keeping_stacks) note_site(bytes);
  is_inside = false;
}

void count_free(const void* block) {
  if (is_counting && !is_inside && block != nullptr) ++counted.frees;
}

/// The frame holds the address of a return: the call is before it.
std::uintptr_t call_before(const void* frame) {
  return reinterpret_cast<std::uintptr_t>(frame) - 1;
}

/// The output of a shell command, line by line.
std::vector<std::string> lines_of(const std::string& command) {
  std::vector<std::string> lines;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 8192> line{};
  while (pipe && std::fgets(line.data(), static_cast<int>(line.size()), pipe.get()) != nullptr) {
    lines.emplace_back(line.data());
    if (lines.back().ends_with('\n')) lines.back().pop_back();
  }
  return lines;
}

/// Where this program's code begins in memory: a position-independent one may be anywhere.
std::uintptr_t load_address() {
  const auto lines = lines_of(fmt::format("sed -n 1p /proc/{}/maps", getpid()));
  return lines.empty() ? 0 : std::strtoull(lines.front().c_str(), nullptr, 16);
}

/// By address of a call: functions and lines, our own only, the inlined ones first.
using Names = std::map<std::uintptr_t, std::vector<std::string>>;

/// "0x…: name(arguments) at file:line", or " (inlined by) name(…) at file:line": as line and name;
/// empty when it is not of our source.
std::string shortened(const std::string& line) {
  const std::size_t place = line.rfind(" at ");
  const std::size_t source = line.find("/src/", place);
  if (place == std::string::npos || source == std::string::npos) return {};
  std::size_t begin = line.find(line.starts_with("0x") ? ": " : ") ");
  begin = begin == std::string::npos ? 0 : begin + 2;
  const std::string file = line.substr(source + 1, line.find(' ', source) - source - 1);
  return fmt::format("{:<40} {}", file, line.substr(begin, std::min(place - begin, kNameLength)));
}

/// One call of addr2line for all: it reads the whole program's debug information each time.
Names names_of(std::span<const Site> found, std::uintptr_t base) {
  std::string command = fmt::format("addr2line -Cfipa -e /proc/{}/exe", getpid());
  for (const Site& site : found) {
    for (std::size_t i = kOwnFrames; i < site.depth; ++i) {
      command += fmt::format(" {:#x}", call_before(site.frames[i]) - base);
    }
  }
  Names names;
  std::vector<std::string>* current = nullptr;
  for (const std::string& line : lines_of(command + " 2>/dev/null")) {
    if (line.starts_with("0x")) {
      current = &names[std::strtoull(line.c_str(), nullptr, 16) + base];
      current->clear();
    }
    const std::string name = shortened(line);
    if (current != nullptr && !name.empty()) current->push_back(name);
  }
  return names;
}

}  // namespace

HeapLedger::HeapLedger(HeapCount& into) : into_(into) {
  counted = {};
  is_counting = true;
}

HeapLedger::~HeapLedger() {
  is_counting = false;
  into_ += counted;
}

void HeapLedger::keep_stacks() {
  // The first call loads a library.
  std::array<void*, 2> frames{};
  backtrace(frames.data(), 2);
  is_keeping_stacks = true;
}

void HeapLedger::forget_stacks() { sites.fill({}); }

std::string HeapLedger::stacks(std::size_t most, std::size_t frames, double messages) {
  std::vector<Site> found;
  std::ranges::copy_if(sites, std::back_inserter(found),
                       [](const Site& site) { return site.count > 0; });
  std::ranges::sort(found, std::ranges::greater(), &Site::count);
  found.resize(std::min(most, found.size()));
  const std::uintptr_t base = load_address();
  const Names names = names_of(found, base);
  std::string text;
  for (const Site& site : found) {
    text += fmt::format("  {:.4f} a message, {} bytes each ({} times)\n",
                        static_cast<double>(site.count) / messages, site.bytes / site.count,
                        site.count);
    std::size_t shown = 0;
    for (std::size_t i = kOwnFrames; i < site.depth; ++i) {
      const auto at = names.find(call_before(site.frames[i]));
      if (at == names.end()) continue;
      for (const std::string& name : at->second) {
        if (++shown <= frames) text += fmt::format("      {}\n", name);
      }
    }
  }
  return text;
}

}  // namespace fairlead::bench

extern "C" {

void* malloc(std::size_t size) noexcept {
  fairlead::bench::count_allocation(size);
  return glibc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  fairlead::bench::count_allocation(count * size);
  return glibc_calloc(count, size);
}

void* realloc(void* block, std::size_t size) noexcept {
  fairlead::bench::count_free(block);
  fairlead::bench::count_allocation(size);
  return glibc_realloc(block, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  fairlead::bench::count_allocation(size);
  return glibc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  fairlead::bench::count_allocation(size);
  return glibc_memalign(alignment, size);
}

int posix_memalign(void** block, std::size_t alignment, std::size_t size) noexcept {
  fairlead::bench::count_allocation(size);
  *block = glibc_memalign(alignment, size);
  return *block == nullptr ? ENOMEM : 0;
}

void free(void* block) noexcept {
  fairlead::bench::count_free(block);
  glibc_free(block);
}

}  // extern "C"
