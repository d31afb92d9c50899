#include "lethe/world/in_order.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace lethe;
using namespace lethe::world;

TEST_CASE("parts are taken in order, as many at a time as there are threads; one thread is the caller's") {
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    set_thread_count(threads);
    std::atomic<int> running = 0, most = 0, elsewhere = 0;
    const auto here = std::this_thread::get_id();
    std::vector<size_t> taken;
    in_order(
        20,
        [&](size_t i) {
          const int now = ++running;
          if (now > most) most = now;
          elsewhere += std::this_thread::get_id() != here;
          std::this_thread::sleep_for(std::chrono::milliseconds(i % 4));
          --running;
          return i * i;
        },
        [&](size_t square) { taken.push_back(square); });
    REQUIRE(taken.size() == 20);
    for (size_t i = 0; i < taken.size(); ++i) CHECK(taken[i] == i * i);
    CHECK(most <= threads);
    CHECK(elsewhere == (threads == 1 ? 0 : 20));
    CHECK_THROWS_WITH(in_order(
                          9, [](size_t i) { return i == 4 ? throw std::runtime_error("part 4") : i; }, [](size_t) {}),
                      "part 4");
  }
  set_thread_count(0);
  CHECK(thread_count() >= 1);
}
