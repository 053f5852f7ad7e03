#include "base/frame.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/fifo.h"
#include "base/id.h"
#include "base/mailbox.h"

namespace fairlead {

TEST_CASE("a frame's length takes the fewest bytes (RFC 6455, 5.2)") {
  const auto header = [](std::size_t length) {
    const auto frame = make_frame(MessageKind::kText, std::string(length, 'x'));
    CHECK(frame->payload().size() == length);
    return std::string(frame->wire().substr(0, frame->wire().size() - length));
  };
  using namespace std::string_literals;
  CHECK(header(0) == "\x81\x00"s);
  CHECK(header(125) == "\x81\x7d"s);
  CHECK(header(126) == "\x81\x7e\x00\x7e"s);
  CHECK(header(65535) == "\x81\x7e\xff\xff"s);
  CHECK(header(65536) == "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s);
  CHECK(make_frame(MessageKind::kBinary, "")->wire() == "\x82\x00"s);
}

TEST_CASE("a frame of several messages has each behind its own header") {
  FrameBuilder builder(nullptr);
  const std::vector<std::string> payloads = {"", "one", std::string(200, 'x'),
                                             std::string(70'000, 'y')};
  std::string wire;
  for (const std::string& payload : payloads) {
    builder.add(MessageKind::kText, payload);
    wire += make_frame(MessageKind::kText, payload)->wire();
  }
  const SharedFrame frame = std::move(builder).finish();
  CHECK(frame->messages() == 4);
  CHECK(frame->wire() == wire);
  CHECK(frame->payload().empty());
  std::vector<std::string> found;
  frame->for_each_payload([&](std::string_view payload) { found.emplace_back(payload); });
  CHECK(found == payloads);
}

TEST_CASE("a frame goes back to its pool when nobody holds it, on whichever thread") {
  const auto pool = std::make_shared<FramePool>();
  SharedFrame frame = make_frame(MessageKind::kText, "first", pool.get());
  const Frame* const first = frame.get();
  CHECK(make_frame(MessageKind::kText, "second", pool.get()).get() != first);
  std::jthread([held = frame] { CHECK(held->payload() == "first"); }).join();
  frame.reset();
  frame = make_frame(MessageKind::kBinary, "third", pool.get());
  CHECK(frame.get() == first);
  CHECK(frame->messages() == 1);
  CHECK(frame->payload() == "third");
}

TEST_CASE("a frame may outlive its pool's owner") {
  auto pool = std::make_shared<FramePool>();
  const SharedFrame frame = make_frame(MessageKind::kText, "still here", pool.get());
  pool.reset();
  CHECK(frame->payload() == "still here");
}

TEST_CASE("a form of a frame is made once, though many threads ask for it, and others beside it") {
  const auto pool = std::make_shared<FramePool>();
  auto frame = make_frame(MessageKind::kText, "message", pool.get());
  std::atomic<int> made = 0;
  const auto form = [&](int number) {
    return frame->form(number, [&] {
      ++made;
      return "form " + std::to_string(number);
    });
  };
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 1000; ++round) static_cast<void>(form(round % 4));
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(made == 4);
  for (int i = 0; i < 4; ++i) CHECK(form(i) == "form " + std::to_string(i));
  CHECK(made == 4);
  CHECK(frame->payload() == "message");
  // Another message in the same memory has none.
  frame.reset();
  frame = make_frame(MessageKind::kText, "other", pool.get());
  static_cast<void>(form(0));
  CHECK(made == 5);
}

TEST_CASE("ids sort by the time they were made and are of one alphabet") {
  SeededRandom random(1);
  const std::string early = make_id('c', 1'764'000'000'000, random);
  const std::string later = make_id('c', 1'764'000'000'001, random);
  CHECK(early.size() == 28);
  CHECK(early.starts_with("c-"));
  CHECK(early < later);
  CHECK(early.substr(2).find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ") == std::string::npos);
}

TEST_CASE("a queue gives out what came first, also when it is never empty") {
  Fifo<int> queue;
  CHECK(queue.is_empty());
  for (int i = 0; i < 5; ++i) queue.push(i);
  for (int i = 5; i < 1000; ++i) {
    queue.push(i);
    REQUIRE(queue.pop() == i - 5);
    REQUIRE(queue.size() == 5);
  }
  while (!queue.is_empty()) queue.pop();
  queue.push(7);
  CHECK(queue.pop() == 7);
}

TEST_CASE("a mailbox keeps each sender's order and wakes when it was empty") {
  std::atomic<int> wakes = 0;
  Mailbox<std::pair<int, int>> box(10, [&wakes] { ++wakes; });
  {
    std::vector<std::jthread> senders;
    senders.reserve(4);
    for (int sender = 0; sender < 4; ++sender) {
      senders.emplace_back([&box, sender] {
        for (int i = 0; i < 1000; ++i) box.put({sender, i});
      });
    }
  }
  CHECK(wakes == 1);
  CHECK(box.is_full());
  std::vector<std::pair<int, int>> letters;
  box.take(letters);
  REQUIRE(letters.size() == 4000);
  std::vector<int> next(4);
  for (const auto& [sender, number] : letters) {
    CHECK(number == next[static_cast<std::size_t>(sender)]++);
  }
  CHECK_FALSE(box.is_full());
  box.put({0, 0});
  CHECK(wakes == 2);
}

}  // namespace fairlead
