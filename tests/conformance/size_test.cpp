// Large messages, whole and in fragments, and many small ones.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "conformance/peer.h"

using namespace fairlead::conformance;

namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;
/// What fairlead-echo takes.
constexpr std::size_t kMost = 16 * kMiB;

constexpr unsigned kText = 0x1;
constexpr unsigned kBinary = 0x2;

std::string kind_of(unsigned opcode) { return opcode == kText ? "text" : "binary"; }

/// Each octet depends on its place, so that pieces in a wrong order are seen.
std::string counted(std::size_t length) {
  std::string text;
  text.reserve(length + 16);
  for (std::size_t i = 0; text.size() < length; ++i)
    fmt::format_to(std::back_inserter(text), "{} ", i);
  text.resize(length);
  return text;
}

}  // namespace

TEST_CASE("messages up to 16 MiB in one frame come back") {
  const EchoServer server;
  for (const unsigned opcode : {kText, kBinary}) {
    Peer peer(server);
    for (const std::size_t length : {64 * kKiB, 256 * kKiB, kMiB, 4 * kMiB, 8 * kMiB, kMost}) {
      CAPTURE(length);
      const std::string message = counted(length);
      peer.send(frame(0x80 | opcode, message));
      CHECK(peer.next() == told(kind_of(opcode), message));
    }
    CHECK(peer.finish() == Transcript{"close:1000"});
  }
}

TEST_CASE("4 MiB in fragments from 64 octets to 4 MiB come back") {
  const EchoServer server;
  const std::string message = counted(4 * kMiB);
  for (const unsigned opcode : {kText, kBinary}) {
    Peer peer(server);
    for (std::size_t step = 64; step <= message.size(); step *= 4) {
      CAPTURE(step);
      peer.send(fragments(opcode, message, step));
      CHECK(peer.next() == told(kind_of(opcode), message));
    }
    CHECK(peer.finish() == Transcript{"close:1000"});
  }
}

TEST_CASE("1 MiB in writes from 64 octets up comes back") {
  const EchoServer server;
  const std::string message = counted(kMiB);
  Peer peer(server);
  for (const std::size_t step : {64U, 128U, 256U, 512U, 1024U, 2048U}) {
    CAPTURE(step);
    peer.send_chopped(frame(0x80 | kText, message), step);
    CHECK(peer.next() == told("text", message));
  }
  CHECK(peer.finish() == Transcript{"close:1000"});
}

TEST_CASE("a thousand messages of each size come back in order") {
  const EchoServer server;
  for (const unsigned opcode : {kText, kBinary}) {
    for (const std::size_t length : {0U, 16U, 64U, 256U, 1024U, 4096U, 16384U}) {
      CAPTURE(length);
      Peer peer(server);
      const std::string payload = counted(length);
      for (int i = 0; i < 1000; ++i) {
        const std::string message = length == 0 ? "" : std::to_string(i) + payload;
        peer.send(frame(0x80 | opcode, message));
        REQUIRE(peer.next() == told(kind_of(opcode), message));
      }
      CHECK(peer.finish() == Transcript{"close:1000"});
    }
  }
}

TEST_CASE("one octet more than 16 MiB is 1009, by the header alone and by the sum of fragments") {
  const EchoServer server;
  const std::string header = frame(0x82, std::string(kMost + 1, 'x')).substr(0, 14);
  Peer whole(server);
  whole.send(header);
  CHECK(whole.rest() == Transcript{"close:1009"});
  Peer cut(server);
  cut.send(frame(kBinary, counted(kMost)) + frame(0x80, "x").substr(0, 6));
  CHECK(cut.rest() == Transcript{"close:1009"});
}
