#include "base/mailbox.h"

#include <doctest/doctest.h>

#include <vector>

namespace fairlead {

TEST_CASE("a mailbox wakes its reader once a batch, however many letters come") {
  int wakes = 0;
  Mailbox<int> box(100, [&wakes] { ++wakes; });
  std::vector<int> taken;
  for (int batch = 1; batch <= 3; ++batch) {
    for (int letter = 0; letter < 50; ++letter) box.put(letter);
    CHECK(wakes == batch);
    box.take(taken);
    CHECK(taken.size() == 50);
    CHECK(taken.back() == 49);
  }
}

TEST_CASE("a mailbox is full from its high mark on, and takes letters all the same") {
  Mailbox<int> box(2, [] {});
  box.put(1);
  CHECK_FALSE(box.is_full());
  box.put(2);
  CHECK(box.is_full());
  box.put(3);
  CHECK(box.size() == 3);
  std::vector<int> taken;
  box.take(taken);
  CHECK_FALSE(box.is_full());
}

}  // namespace fairlead
