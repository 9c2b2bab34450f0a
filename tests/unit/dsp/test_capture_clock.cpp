// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/capture/capture_clock.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace matriz::dsp {
namespace {

constexpr SampleRate rate{48000};
constexpr int period = 64;
constexpr double period_seconds = period / 48000.0;
constexpr int second = 48000 / period;  // periods

/// A device in simulated time, and who looks at it whenever it captured a period. Seeded.
class CaptureClockTest : public testing::Test {
  protected:
    std::chrono::nanoseconds clock(double seconds) const {
        return std::chrono::nanoseconds(std::llround((1000 + seconds) * 1e9));
    }
    double exponential(double mean) { return std::exponential_distribution<double>(1 / mean)(random_); }
    bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }

    /// The device begins a period, `late` seconds late for once.
    void begin(double late = 0) {
        time_ += period_seconds * (1 + drift_);
        look_.cycle += period;
        look_.begin = clock(time_ + late + exponential(jitter_));
    }
    /// …and hands it over.
    void capture() { look_.captured += period; }
    /// Frames told by a look now.
    std::int64_t look() {
        const auto told = clock_.look(look_);
        told_ += told;
        return told;
    }
    void run(int periods) {
        for (int i = 0; i < periods; ++i) {
            begin();
            if (chance(looks_between_)) look();  // between the begin and the capture
            capture();
            if (!chance(missed_looks_)) look();
        }
    }
    /// The device loses sound without counting it.
    void lose(double seconds) {
        time_ += seconds;
        ++look_.xruns;
    }
    /// Periods it takes until something is told; what stays 0 is told by nothing.
    int looks_until_told() {
        for (int looks = 1; looks <= second; ++looks) {
            begin();
            capture();
            if (look() > 0) return looks;
        }
        return 0;
    }

    CaptureClock clock_{rate, period};
    CaptureLook look_{.captured = 7 * period, .cycle = static_cast<std::uint32_t>(-500 * period)};
    std::mt19937 random_{1};
    double time_ = 0;
    double drift_ = 0;
    double jitter_ = 30e-6;
    double looks_between_ = 0;
    double missed_looks_ = 0;
    std::int64_t told_ = 0;
};

TEST_F(CaptureClockTest, TellsNothingWhileNothingIsLost) {
    for (const double drift : {-200e-6, 0.0, 200e-6}) {
        drift_ = drift;
        clock_ = CaptureClock{rate, period};
        run(60 * second);
        EXPECT_EQ(told_, 0) << drift;
    }
}

TEST_F(CaptureClockTest, TellsNothingToWhoLooksLateAndSeldom) {
    looks_between_ = 0.1;
    missed_looks_ = 0.3;
    jitter_ = 150e-6;
    for (int i = 0; i < 60; ++i) {
        run(second);
        for (int held_up = 0; held_up < 8; ++held_up) {
            begin();
            capture();
        }
    }
    EXPECT_EQ(told_, 0);
}

TEST_F(CaptureClockTest, TellsWhatWasCountedAndNotHandedOver) {
    missed_looks_ = 0.2;
    run(second);
    for (int lost = 1; lost <= 20; ++lost) {
        for (int i = 0; i < lost; ++i) begin();
        told_ = 0;
        run(20);
        EXPECT_EQ(told_, lost * period);
        run(second);
        EXPECT_EQ(told_, lost * period);
    }
}

TEST_F(CaptureClockTest, TellsWhatAnXrunCost) {
    run(2 * second);
    for (const double lost : {0.002, 0.005, 0.0123, 0.03, 0.1, 1.0, 4.0, 0.0015}) {
        told_ = 0;
        lose(lost);
        const int looks = looks_until_told();
        EXPECT_GE(looks, 1);
        EXPECT_LE(looks, 6) << lost;
        run(2 * second);
        EXPECT_NEAR(static_cast<double>(told_), lost * rate.hz, 0.0004 * rate.hz) << lost;
    }
}

TEST_F(CaptureClockTest, TellsItAlsoWhenTheXrunIsHeardOfLater) {
    run(2 * second);
    time_ += 0.006;
    run(20);
    EXPECT_EQ(told_, 0);
    ++look_.xruns;
    run(10);
    EXPECT_NEAR(static_cast<double>(told_), 0.006 * rate.hz, 0.0004 * rate.hz);
}

TEST_F(CaptureClockTest, KeepsToTheTimeThroughManyXruns) {
    drift_ = 100e-6;
    run(2 * second);
    double lost = 0;
    int xruns = 0;
    for (; xruns < 300; ++xruns) {
        const double length = exponential(0.004);
        lost += length;
        lose(length);
        run(static_cast<int>(exponential(second)) + 20);
    }
    // What is less than the begins of periods waver is told by nothing; a receiver takes it for drift.
    EXPECT_NEAR(static_cast<double>(told_) / rate.hz, lost, xruns * 0.0001);
}

TEST_F(CaptureClockTest, TellsNothingOfADeviceThatIsLateAndCatchesUp) {
    run(2 * second);
    for (int i = 0; i < 30; ++i) {
        ++look_.xruns;
        for (const double late : {0.004, 0.003}) {  // as after somebody else's xrun
            begin(late);
            capture();
            look();
        }
        run(second / 2);
    }
    EXPECT_EQ(told_, 0);
}

TEST_F(CaptureClockTest, SetsOffWhatItToldWronglyForAWhile) {
    const auto seem_to_lose = [this](double seconds) {
        ++look_.xruns;
        for (int i = 0; i < 10; ++i) {
            begin(seconds);
            capture();
            look();
        }
        run(second);
    };
    run(2 * second);
    seem_to_lose(0.005);
    EXPECT_NEAR(static_cast<double>(told_), 0.005 * rate.hz, 0.0004 * rate.hz);
    for (int i = 0; i < 5; ++i) seem_to_lose(0.005);
    EXPECT_NEAR(static_cast<double>(told_), 0.005 * rate.hz, 0.0004 * rate.hz) << "told again";
    run(11 * second);
    told_ = 0;
    lose(0.004);
    run(second);
    EXPECT_NEAR(static_cast<double>(told_), 0.004 * rate.hz, 0.0004 * rate.hz) << "after a while it is forgotten";
}

TEST_F(CaptureClockTest, BeginsBetweenTheBeginOfAPeriodAndItsCapture) {
    begin();
    look();
    capture();
    run(second);
    for (int i = 0; i < 2; ++i) begin();
    run(20);
    EXPECT_EQ(told_, 2 * period);
}

TEST_F(CaptureClockTest, TakesADeviceThatStartsAnewAsItIs) {
    run(second);
    look_.cycle -= 100 * second * period;
    run(second);
    look_.captured -= 10 * period;
    run(second);
    lose(6);
    run(second);
    look_.cycle += 6 * second * period;
    run(second);
    EXPECT_EQ(told_, 0);
    for (int i = 0; i < 3; ++i) begin();
    run(20);
    EXPECT_EQ(told_, 3 * period);
}

}  // namespace
}  // namespace matriz::dsp
