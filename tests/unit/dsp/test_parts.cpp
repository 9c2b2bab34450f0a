// SPDX-License-Identifier: GPL-3.0-or-later
// The small parts of the playout, each alone.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <thread>

#include "plugins/dsp/playout/delay_target.hpp"
#include "plugins/dsp/playout/drift_loop.hpp"
#include "plugins/dsp/playout/jitter_window.hpp"
#include "plugins/dsp/playout/local_clock.hpp"
#include "plugins/dsp/playout/packet_pool.hpp"
#include "plugins/dsp/playout/slots.hpp"
#include "plugins/dsp/playout/source_filter.hpp"

namespace matriz::dsp {
namespace {

std::chrono::nanoseconds ns(double seconds) { return std::chrono::nanoseconds(std::llround(seconds * 1e9)); }

TEST(PacketPool, PassesCellsRoundBetweenTwoThreads) {
    PacketPool pool(7);
    constexpr std::uint32_t count = 200000;
    std::thread producer([&] {
        for (std::uint32_t n = 0; n < count;) {
            const auto index = pool.acquire();
            if (index == PacketPool::none) {
                std::this_thread::yield();
                continue;
            }
            pool[index].ssrc = n++;
            pool.submit(index);
        }
    });
    for (std::uint32_t expected = 0; expected < count;) {
        const auto index = pool.take();
        if (index == PacketPool::none) {
            std::this_thread::yield();
            continue;
        }
        ASSERT_EQ(pool[index].ssrc, expected++);
        pool.release(index);
    }
    producer.join();
    EXPECT_EQ(pool.take(), PacketPool::none);
}

TEST(PacketPool, HasNoMoreThanItWasMadeWith) {
    PacketPool pool(3);
    for (int i = 0; i < 3; ++i) EXPECT_NE(pool.acquire(), PacketPool::none);
    EXPECT_EQ(pool.acquire(), PacketPool::none);
    EXPECT_EQ(pool.take(), PacketPool::none);
}

class SlotsTest : public testing::Test {
  protected:
    Slots::Slot packet(std::int64_t seq) { return {seq, seq * 100, 100, Slots::State::unknown, pool_.acquire()}; }
    Slots::Outcome insert(std::int64_t seq, bool copy = false, std::int64_t played_to = 0) {
        const auto offered = packet(seq);
        const auto outcome = slots_.insert(offered, copy, played_to).outcome;
        if (outcome == Slots::Outcome::late) pool_.release(offered.cell);
        return outcome;
    }
    int free_cells() {
        std::vector<PacketPool::Index> taken;
        for (auto i = pool_.acquire(); i != PacketPool::none; i = pool_.acquire()) taken.push_back(i);
        for (const auto i : taken) pool_.release(i);
        return static_cast<int>(taken.size());
    }
    PacketPool pool_{32};
    Slots slots_{pool_};
    void SetUp() override { slots_.restart(1000); }
};

TEST_F(SlotsTest, GivesPacketsInOrderWhateverTheOrderTheyCameIn) {
    for (const int seq : {1001, 1000, 1003, 1002}) EXPECT_EQ(insert(seq), Slots::Outcome::stored);
    std::int64_t position = 100000;
    for (const int seq : {1000, 1001, 1002, 1003}) {
        const auto* slot = slots_.next(position);
        ASSERT_TRUE(slot);
        EXPECT_EQ(slot->seq, seq);
        position = slot->time + slot->frames;
        pool_.release(slot->cell);
        EXPECT_EQ(slots_.play(*slot), 0);
    }
    EXPECT_EQ(slots_.next(position), nullptr);
    EXPECT_EQ(free_cells(), 32);
}

TEST_F(SlotsTest, KnowsDuplicatesLateOnesAndStrangers) {
    EXPECT_EQ(insert(1000), Slots::Outcome::stored);
    EXPECT_EQ(insert(1000), Slots::Outcome::duplicate);
    EXPECT_EQ(insert(999), Slots::Outcome::useless);
    EXPECT_EQ(insert(1000 + slots_.size()), Slots::Outcome::useless);
    EXPECT_EQ(insert(1002, false, 100300), Slots::Outcome::late);
    EXPECT_EQ(insert(1002, false, 100300), Slots::Outcome::useless) << "late is said once";
    EXPECT_EQ(free_cells(), 31);
}

TEST_F(SlotsTest, CountsWhatItPassesOver) {
    insert(1000);
    insert(1004);
    pool_.release(slots_.next(100000)->cell);
    slots_.play(*slots_.next(100000));
    const auto* slot = slots_.next(100100);
    ASSERT_TRUE(slot);
    pool_.release(slot->cell);
    EXPECT_EQ(slots_.play(*slot), 3);
    EXPECT_EQ(slots_.find(1002)->state, Slots::State::lost);
    const auto late = slots_.insert(packet(1002), false, 100500);
    EXPECT_EQ(late.outcome, Slots::Outcome::late);
    EXPECT_EQ(late.before, Slots::State::lost);
}

TEST_F(SlotsTest, PassesALateOneOnlyWhileItIsNextInLine) {
    insert(1000);
    pool_.release(slots_.next(100000)->cell);
    slots_.play(*slots_.next(100000));
    EXPECT_EQ(insert(1002, false, 100500), Slots::Outcome::late);
    EXPECT_EQ(slots_.pass(1002), 1);
    EXPECT_EQ(slots_.cursor(), 1003);
    EXPECT_EQ(insert(1001, false, 100500), Slots::Outcome::late);
    EXPECT_EQ(slots_.pass(1001), std::nullopt);
    insert(1003);
    EXPECT_EQ(slots_.pass(1004), std::nullopt) << "one before it waits";
    const auto* slot = slots_.next(100192);
    ASSERT_TRUE(slot);
    pool_.release(slot->cell);
    EXPECT_EQ(slots_.play(*slot), 1) << "1001 is told with what is played next";
    EXPECT_EQ(free_cells(), 32);
}

TEST_F(SlotsTest, PrefersAPacketToItsCopy) {
    EXPECT_EQ(insert(1000, true), Slots::Outcome::stored);
    EXPECT_EQ(insert(1000, true), Slots::Outcome::duplicate);
    EXPECT_EQ(insert(1000), Slots::Outcome::upgraded);
    EXPECT_EQ(insert(1000, true), Slots::Outcome::duplicate);
    EXPECT_EQ(free_cells(), 31);
}

TEST_F(SlotsTest, GivesAllCellsBackOnRestart) {
    for (int seq = 1000; seq < 1010; ++seq) insert(seq);
    slots_.restart(5000);
    EXPECT_EQ(free_cells(), 32);
    EXPECT_EQ(slots_.next(0), nullptr);
}

TEST(SourceFilter, LetsOneSourceHaveTheFloor) {
    using Verdict = SourceFilter::Verdict;
    SourceFilter filter;
    double now = 0;
    EXPECT_EQ(filter.judge(1, {100}, true, now), Verdict::restart);
    for (std::uint16_t i = 0; i < 50; ++i) {
        now += 0.01;
        EXPECT_EQ(filter.judge(1, {static_cast<std::uint16_t>(101 + i)}, true, now), Verdict::accept);
        EXPECT_EQ(filter.judge(2, {i}, true, now), Verdict::reject);
    }
    EXPECT_EQ(filter.judge(1, {65000}, true, now), Verdict::reject);
    EXPECT_EQ(filter.judge(1, {151}, false, now), Verdict::reject);
    now += 0.1;
    EXPECT_EQ(filter.judge(2, {60}, true, now), Verdict::reject);
    EXPECT_EQ(filter.judge(2, {61}, true, now), Verdict::reject);
    EXPECT_EQ(filter.judge(2, {62}, true, now), Verdict::restart);
    EXPECT_EQ(filter.judge(1, {152}, true, now), Verdict::reject);
    EXPECT_EQ(filter.judge(2, {63}, true, now), Verdict::accept);
}

TEST(LocalClock, TakesTheJitterOffTheCallbacks) {
    LocalClock clock({48000});
    std::mt19937 random(5);
    std::exponential_distribution<double> late(1 / 0.0001);
    const double period = 64 / 48000.0 * (1 - 100e-6);
    double worst = 0;
    for (int n = 0; n < 30000; ++n) {
        EXPECT_EQ(clock.begin_period(ns(50 + n * period + late(random)), 64), 0);
        if (n > 7500) worst = std::max(worst, std::abs(clock.at(ns(50 + n * period)) - clock.now() + 0.0001));
    }
    EXPECT_NEAR(clock.now(), 29999 * 64 / 48000.0, 1e-9);
    EXPECT_LT(worst, 40e-6);
}

TEST(LocalClock, CountsTheTimeTheDeviceLost) {
    LocalClock clock({48000});
    double now = 1;
    for (int n = 0; n < 1000; ++n, now += 0.01) clock.begin_period(ns(now), 480);
    const double before = clock.now();
    EXPECT_NEAR(clock.begin_period(ns(now + 0.5), 480), 0.5, 0.001);
    EXPECT_NEAR(clock.now() - before, 0.51, 0.001);
}

constexpr double jack_period = 64 / 48000.0;

/// A clock that runs, and the moment of its next callback.
struct Running {
    LocalClock clock{{48000}};
    double now = 1;
    int rendered = 0;

    explicit Running() { pass(2000); }
    /// Callbacks that come `late`. Returns what was lost.
    double pass(int callbacks, double late = 0, std::optional<DeviceReport> report = std::nullopt) {
        double lost = 0;
        for (int n = 0; n < callbacks; ++n, ++rendered, now += jack_period)
            lost += clock.begin_period(ns(now + late + n % 5 * 0.00005), 64, report);
        return lost;
    }
    /// Device time that passed without sound.
    double unheard() const { return clock.now() - (rendered - 1) * jack_period; }
};

TEST(LocalClock, NoticesASinglePeriodLost) {
    Running card;
    card.now += jack_period;  // an xrun
    EXPECT_NEAR(card.pass(60), jack_period, 0.0002);
    EXPECT_NEAR(card.clock.at(ns(card.now - jack_period)), card.clock.now(), 0.0003);
    EXPECT_NEAR(card.unheard(), jack_period, 0.0002);
}

TEST(LocalClock, TakesNoLateCallbackForALoss) {
    Running card;
    EXPECT_EQ(card.pass(1, 0.001), 0);
    EXPECT_EQ(card.pass(12), 0);
    EXPECT_EQ(card.pass(7, 0.001), 0) << "a processor that something else has for 9 ms";
    EXPECT_EQ(card.pass(60), 0);
    EXPECT_EQ(card.pass(1, 0.008), 0);
    EXPECT_EQ(card.pass(60), 0);
    EXPECT_NEAR(card.unheard(), 0, 1e-9);
    EXPECT_NEAR(card.clock.at(ns(card.now - jack_period)), card.clock.now(), 0.0003);
}

TEST(LocalClock, TakesBackWhatWasNoLoss) {
    Running card;
    EXPECT_NEAR(card.pass(60, 0.001), 0.001, 0.0003);
    EXPECT_EQ(card.pass(60), 0);
    EXPECT_NEAR(card.unheard(), 0, 0.0003);
    EXPECT_NEAR(card.clock.at(ns(card.now - jack_period)), card.clock.now(), 0.0003);
}

TEST(LocalClock, BelievesADeviceThatTells) {
    const DeviceReport fine{};
    Running card;
    EXPECT_EQ(card.pass(100, 0.001, fine), 0) << "late, but nothing lost";
    EXPECT_EQ(card.pass(100, 0, fine), 0);
    card.now += 3 * jack_period;
    EXPECT_NEAR(card.pass(1, 0, DeviceReport{.lost_frames = 192}), 3 * jack_period, 1e-9);
    EXPECT_EQ(card.pass(100, 0, fine), 0);
    EXPECT_NEAR(card.unheard(), 3 * jack_period, 1e-9);
    card.now += jack_period;  // this time it cannot say how much
    EXPECT_EQ(card.pass(1, 0, DeviceReport{.xrun = true}), 0);
    EXPECT_NEAR(card.pass(10, 0, fine), jack_period, 0.0002);
    EXPECT_NEAR(card.unheard(), 4 * jack_period, 0.0002);
    card.now += jack_period;  // and this time it says nothing at all
    card.pass(300, 0, fine);
    EXPECT_NEAR(card.clock.at(ns(card.now - jack_period)), card.clock.now(), 0.0003);
}

TEST(JitterWindow, KnowsItsPercentilesAndForgets) {
    JitterWindow window;
    for (int i = 0; i < 1000; ++i) window.add(0, i * 0.0001);
    EXPECT_NEAR(window.exceeded_by(0.01), 0.099, 0.0002);
    EXPECT_NEAR(window.exceeded_by(0.5), 0.05, 0.0002);
    for (int i = 1; i <= JitterWindow::blocks; ++i) window.advance(i * 2.5);
    EXPECT_EQ(window.count(), 0U);
    EXPECT_EQ(window.exceeded_by(0.01), 0);
}

TEST(JitterWindow, SetsRightWhatCameSinceAMoment) {
    JitterWindow window;
    window.advance(0);
    for (int i = 0; i < 500; ++i) window.add(1, 0.002);
    window.advance(2.5);  // into another block
    for (int i = 0; i < 400; ++i) window.add(2 + i * 0.001, 0.012);
    window.ease(2.0995, 0.010);
    EXPECT_EQ(window.count(), 900U);
    EXPECT_EQ(window.above(0.003), 100U) << "what came before 2.1 was as late as it seemed";
    EXPECT_EQ(window.above(0.0015), 900U);
    window.ease(2.2995, 0.010);
    EXPECT_EQ(window.above(0.0015), 800U) << "no packet is early";
    for (int i = 2; i <= JitterWindow::blocks + 1; ++i) window.advance(i * 2.5);
    EXPECT_EQ(window.count(), 0U);
    window.ease(0, 0.010);
    EXPECT_EQ(window.count(), 0U) << "what was forgotten stays forgotten";
    EXPECT_EQ(window.above(0), 0U);
}

TEST(JitterWindow, WaitsForABroadTailButNotForAnOutlier) {
    JitterWindow window;
    for (int i = 0; i < 10000; ++i) window.add(0, 0.0005);
    window.add(0, 0.050);
    JitterWindow::Costs costs{.wait = 1000, .dear_from = 0.006, .packet_length = JitterWindow::finest};
    EXPECT_NEAR(window.worth_waiting_for(costs, 0), 0.00055, 0.0001) << "50 ms for one packet are too dear";
    costs.wait = 1;
    EXPECT_NEAR(window.worth_waiting_for(costs, 0), 0.050, 0.0002);
    for (int i = 0; i < 100; ++i) window.add(0, 0.020);
    costs.wait = 1000;
    EXPECT_NEAR(window.worth_waiting_for(costs, 0), 0.020, 0.0002);
}

TEST(JitterWindow, WaitsMoreReadilyOnTopOfLess) {
    JitterWindow window;
    for (int i = 0; i < 10000; ++i) window.add(0, 0.0005);
    window.add(0, 0.003);
    window.add(0, 0.003);
    const JitterWindow::Costs costs{.wait = 1000, .dear_from = 0.006, .packet_length = JitterWindow::finest};
    EXPECT_NEAR(window.worth_waiting_for(costs, 0), 0.00305, 0.0001);
    EXPECT_NEAR(window.worth_waiting_for(costs, 0.050), 0.00055, 0.0001);
}

TEST(JitterWindow, APacketOfWhichLittleIsMissedCostsLittle) {
    JitterWindow window;
    for (int i = 0; i < 10000; ++i) window.add(0, 0.0005);
    for (int i = 0; i < 3; ++i) window.add(0, 0.0015);  // by 1 ms too late, with the least of waits
    JitterWindow::Costs costs{.wait = 1000, .dear_from = 1e-6, .packet_length = 0.0025};
    // Another millisecond costs one packet; three times 1 ms of 2.5 missed cost 1.2.
    EXPECT_NEAR(window.worth_waiting_for(costs, 0), 0.00155, 0.0001);
    costs.packet_length = 0.0035;  // 0.86
    EXPECT_NEAR(window.worth_waiting_for(costs, 0), 0.00055, 0.0001);
}

TEST(JitterWindow, SurvivesAbsurdValues) {
    JitterWindow window;
    window.add(0, -1e9);
    window.add(0, 1e9);
    window.ease(-1e9, 1e9);
    window.ease(-1e9, -1e9);
    EXPECT_EQ(window.count(), 2U);
    EXPECT_GE(window.exceeded_by(0), 0);
}

TEST(DriftLoop, FindsTheDriftUnderneathTheJitter) {
    for (const double ppm : {-200.0, 0.0, 35.0, 500.0}) {
        DriftLoop loop;
        std::mt19937 random(7);
        std::exponential_distribution<double> jitter(1 / 0.002);
        loop.restart(0, 3);
        for (double now = 0; now < 60; now += 0.0025) {
            loop.add(now, 3 - ppm * 1e-6 * now + jitter(random));
            EXPECT_EQ(loop.advance(now).by, 0);
        }
        EXPECT_NEAR(loop.drift() * 1e6, ppm, 6);
        EXPECT_NEAR(loop.transit(60), 3 - ppm * 1e-6 * 60, 0.0002);
    }
}

TEST(DriftLoop, TellsARouteChangeFromDrift) {
    DriftLoop loop;
    loop.restart(0, 1);
    double moved = 0;
    const auto run = [&](double from, double to, double transit) {
        moved = 0;
        for (double now = from; now < to; now += 0.0025) {
            loop.add(now, transit);
            moved += loop.advance(now).by;
        }
    };
    run(0, 20, 1);
    EXPECT_EQ(moved, 0);
    run(20, 25, 1.005);
    EXPECT_NEAR(moved, 0.005, 1e-4);
    run(25, 30, 0.999);
    EXPECT_NEAR(moved, -0.006, 1e-4);
    EXPECT_NEAR(loop.drift() * 1e6, 0, 3);
}

TEST(DriftLoop, BelievesSoonWhenAllPacketsAreLaterByTheSame) {
    for (const double mean : {0.00003, 0.0005, 0.001}) {
        DriftLoop loop;
        std::mt19937 random(11);
        std::exponential_distribution<double> jitter(1 / mean);
        loop.restart(0, 1);
        double now = 0;
        double moved_at = 0;
        double since = 0;
        double moved = 0;
        for (; now < 30; now += 0.00133) {
            loop.add(now, 1 + jitter(random) + (now > 20 ? 0.0025 : 0));
            const auto step = loop.advance(now);
            moved += step.by;
            if (step.by == 0) continue;
            moved_at = now;
            since = step.since;
        }
        EXPECT_NEAR(moved, 0.0025, 0.0002) << mean;
        EXPECT_NEAR(since, 20, 0.03) << mean;
        EXPECT_LT(moved_at, 20.14) << mean;
        EXPECT_NEAR(loop.drift() * 1e6, 0, 3) << mean;
    }
}

TEST(DriftLoop, TakesGreaterJitterForNoStep) {
    DriftLoop loop;
    std::mt19937 random(13);
    loop.restart(0, 1);
    double up = 0;
    double arrived = 0;
    for (double now = 0; now < 60; now += 0.00133) {
        const double mean = now < 20 ? 0.0005 : 0.008;
        // In order, as on one path: a packet that is held up holds up those behind it.
        arrived = std::max(arrived, now + 1 + std::exponential_distribution<double>(1 / mean)(random));
        loop.add(now, arrived - now);
        up = std::max(up, loop.advance(now).by);
    }
    EXPECT_LT(up, 0.006);
}

TEST(DelayTarget, ActsOnSeveralIncidentsButNotOnOne) {
    DelayTarget target;
    target.restart(0);
    constexpr double period = 0.001;
    const DelayTarget::Bounds bounds{0, 0.2, 3};
    double now = 0;
    for (; now < 5; now += 0.001) {
        target.update(now, period, 0, bounds);
        target.add({now, 0, period / 2}, false);
    }
    const double calm = target.update(now, period, 0, bounds);
    EXPECT_LT(calm, 0.0015);
    for (int i = 0; i < 5; ++i) target.add({now + i * 1e-5, 0.003, 0}, true);
    EXPECT_LT(target.update(now, period, 0, bounds), 0.0015) << "held up together";
    EXPECT_FALSE(target.would_wait_for({now, 0.003, 0}));
    now += 0.01;
    target.add({now, 0.003, 0}, true);
    EXPECT_GT(target.update(now, period, 0, bounds), 0.003);
    EXPECT_TRUE(target.would_wait_for({now, 0.003, 0}));
}

TEST(DelayTarget, ActsBrieflyOnOneIncidentThatIsLikeNoneBefore) {
    DelayTarget target;
    target.restart(0);
    constexpr double period = 0.001;
    const DelayTarget::Bounds bounds{0, 0.2, 0.2};
    double now = 0;
    const auto pass = [&](double until) {
        for (; now < until; now += 0.001) {
            target.update(now, period, 0, bounds);
            target.add({now, 0, period / 2}, false);
        }
    };
    pass(5);
    const DelayTarget::Arrival outage{now, 0.08, 0};
    target.add(outage, true);
    EXPECT_FALSE(target.would_wait_for(outage));
    pass(6);
    target.forget(now);
    pass(10);
    const DelayTarget::Arrival held_up{now, 0.02, 0};
    target.add(held_up, true);
    EXPECT_TRUE(target.would_wait_for(held_up));
    EXPECT_FALSE(target.would_wait_for({now, 0.025, 0}));
    EXPECT_GT(target.update(now, period, 0, bounds), 0.02);
    pass(11.5);
    EXPECT_LT(target.update(now, period, 0, bounds), 0.0015) << "for a moment only";
}

TEST(DelayTarget, DoesNotActOnWhatItPutsUpWith) {
    DelayTarget target;
    target.restart(0);
    constexpr double period = 0.001;
    const DelayTarget::Bounds bounds{0, 0.2, 0.01};  // gaps cost next to nothing
    double now = 0;
    double target_now = 0;
    for (int n = 0; now < 20; now += 0.001, ++n) {
        target_now = target.update(now, period, 0, bounds);
        const bool slow = n % 40 == 0;
        target.add({now, slow ? 0.02 : 0.0, period / 2}, slow && n > 2000);
    }
    EXPECT_LT(target_now, 0.0015);
}

}  // namespace
}  // namespace matriz::dsp
