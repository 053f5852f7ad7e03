#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/keyed_places.h"
#include "base/memory_meter.h"
#include "base/place.h"

using namespace fairlead;

TEST_CASE("a place is given back once, however often it moves") {
  Places places(1);
  Place first = Place::take(places);
  CHECK(first.is_taken());
  CHECK_FALSE(Place::take(places).is_taken());
  Place second = std::move(first);
  CHECK(places.taken() == 1);
  second.give_back();
  second.give_back();
  CHECK(places.taken() == 0);
  first = Place::take(places);
  {
    const Place third = std::move(first);
  }
  CHECK(places.taken() == 0);
}

TEST_CASE("threads together never take more places than there are") {
  Places places(100);
  std::vector<std::vector<Place>> taken(4);
  std::vector<std::thread> threads;
  threads.reserve(taken.size());
  for (auto& mine : taken) {
    threads.emplace_back([&places, &mine] {
      for (int i = 0; i < 1000; ++i) {
        Place place = Place::take(places);
        if (place.is_taken()) mine.push_back(std::move(place));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(places.taken() == 100);
  taken.clear();
  CHECK(places.taken() == 0);
}

TEST_CASE("each name has its own places, and a limit of 0 is none") {
  KeyedPlaces places(1);
  CHECK(places.take("a"));
  CHECK_FALSE(places.take("a"));
  CHECK_FALSE(places.has_room("a"));
  CHECK(places.take("b"));
  places.give_back("a");
  CHECK(places.has_room("a"));
  CHECK(places.take("a"));
  KeyedPlaces any(0);
  for (int i = 0; i < 100; ++i) CHECK(any.take("a"));
  any.give_back("a");
}

TEST_CASE("the meter sums what is held and knows when that is much or too much") {
  MemoryMeter meter(1000);
  meter.add(MemoryKind::kQueued, 700);
  meter.set(MemoryKind::kStore, 49);
  CHECK_FALSE(meter.is_high());
  meter.set(MemoryKind::kStore, 50);
  CHECK(meter.is_high());
  CHECK_FALSE(meter.is_over());
  meter.add(MemoryKind::kReceived, 250);
  CHECK(meter.is_over());
  CHECK(meter.total() == 1000);
  meter.add(MemoryKind::kQueued, -700);
  CHECK_FALSE(meter.is_high());
  MemoryMeter unbounded(0);
  unbounded.add(MemoryKind::kMail, 1'000'000'000'000);
  CHECK_FALSE(unbounded.is_over());
}
