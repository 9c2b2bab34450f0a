// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <thread>
#include <vector>

#include "tests/probes/ring.hpp"

namespace matriz::probe {
namespace {

TEST(Ring, RefusesWhatDoesNotFit) {
    Ring<int> ring(8);
    const std::array<int, 6> six{1, 2, 3, 4, 5, 6};
    EXPECT_TRUE(ring.write(six));
    EXPECT_FALSE(ring.write(six));
    EXPECT_EQ(ring.readable(), 6U);
}

TEST(Ring, KeepsOrderBetweenThreads) {
    Ring<int> ring(64);
    constexpr int count = 200000;
    std::jthread writer([&] {
        std::vector<int> chunk(7);
        for (int next = 0; next < count; next += 7) {
            std::iota(chunk.begin(), chunk.end(), next);
            while (!ring.write(chunk)) std::this_thread::yield();
        }
    });
    int expected = 0;
    std::vector<int> values;
    while (expected < count) {
        values.resize(ring.readable());
        if (values.empty()) std::this_thread::yield();
        ring.read(values);
        for (const int v : values) ASSERT_EQ(v, expected++);
    }
}

}  // namespace
}  // namespace matriz::probe
