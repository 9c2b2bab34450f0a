// SPDX-License-Identifier: GPL-3.0-or-later
// What a peer sends must not be able to take a callback's time. Processor time of this thread, compared within one run:
// a busy machine does not change by how much.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <vector>

#include "plugins/dsp/playout/delay_target.hpp"
#include "plugins/dsp/playout/playout.hpp"
#include "plugins/dsp/rtp/packet.hpp"
#include "plugins/dsp/rtp/packetizer.hpp"

namespace matriz::dsp::test {
namespace {

constexpr int period = 64;
constexpr unsigned rate = 48000;
constexpr double period_seconds = static_cast<double>(period) / rate;
constexpr std::uint8_t audio_type = 97;

double processor_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::chrono::nanoseconds after(double seconds) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>((1 + seconds) * 1e9));
}

/// A playout that is fed packets by hand, a period at a time.
class Listener {
  public:
    explicit Listener(const StreamFormat& format)
        : playout_(format, config(format)),
          out_(static_cast<std::size_t>(period * format.channels)),
          channels_(format.channels) {}

    void push(const std::vector<std::uint8_t>& packet) { playout_.push(packet, after(time_)); }

    /// Renders a period; returns the processor time it took.
    double render() {
        std::array<float*, max_channels> outs{};
        for (int c = 0; c < channels_; ++c)
            outs[static_cast<std::size_t>(c)] = out_.data() + static_cast<std::ptrdiff_t>(c) * period;
        time_ += period_seconds;
        const double before = processor_seconds();
        playout_.render(outs.data(), period, after(time_));
        return processor_seconds() - before;
    }

    PlayoutMetrics metrics() const { return playout_.metrics(); }

  private:
    static PlayoutConfig config(const StreamFormat& format) {
        PlayoutConfig made{.output_rate = {rate}, .output_channels = format.channels};
        made.payload_type = audio_type;
        made.max_delay = std::chrono::milliseconds{20};  // so that a path that was blocked leaves all it held up late
        return made;
    }

    Playout playout_;
    std::vector<float> out_;
    int channels_;
    double time_ = 0;
};

/// The packets of a steady tone, one after the other.
class Sender {
  public:
    explicit Sender(const StreamFormat& format)
        : packetizer_(make_encoder({.format = format}), format.channels, audio_type),
          in_(static_cast<std::size_t>(period * format.channels)) {}

    std::vector<std::vector<std::uint8_t>> next_period() {
        std::vector<std::vector<std::uint8_t>> made;
        for (float& sample : in_) sample = static_cast<float>(0.3 * std::sin(angle_ += 0.01));
        packetizer_.push(in_, {0, 1}, [&](const Payload& payload) {
            std::vector<std::uint8_t> packet(rtp_header_size);
            header_.time = {static_cast<std::uint32_t>(payload.position)};
            write_rtp_header(header_, std::span<std::uint8_t, rtp_header_size>(packet.data(), rtp_header_size));
            header_.seq = header_.seq + 1;
            packet.insert(packet.end(), payload.bytes.begin(), payload.bytes.end());
            made.push_back(std::move(packet));
            return true;
        });
        return made;
    }

  private:
    Packetizer packetizer_;
    std::vector<float> in_;
    RtpHeader header_{false, audio_type, {1}, {1}, 7};
    double angle_ = 0;
};

constexpr StreamFormat stereo_opus{CodecId::opus, {rate}, 2, {120}, {}};
constexpr StreamFormat eight_channels{CodecId::pcm16, {rate}, 8, {8}, {}};

/// The least of three measurements: what else the machine did meanwhile only makes them greater.
template <typename Measure>
double least_of_three(Measure measure) {
    return std::min({measure(), measure(), measure()});
}

/// What the callback that follows a blocked path costs, in callbacks that decode a packet.
double cost_of_a_blocked_path() {
    Listener listener(stereo_opus);
    Sender sender(stereo_opus);
    std::vector<double> steady;
    double dearest = 1e9;
    for (int round = 0; round < 5; ++round) {
        for (int n = 0; n < 750; ++n) {
            for (const auto& packet : sender.next_period()) listener.push(packet);
            steady.push_back(listener.render());
        }
        std::vector<std::vector<std::uint8_t>> held;
        for (int n = 0; n < 225; ++n) {
            for (auto& packet : sender.next_period()) held.push_back(std::move(packet));
            listener.render();
        }
        for (const auto& packet : held) listener.push(packet);
        dearest =
            std::min(dearest, listener.render());  // what else the machine did meanwhile is not in the least of them
    }
    EXPECT_GT(listener.metrics().late, 400U);
    std::sort(steady.begin(), steady.end());
    return dearest / steady[steady.size() * 3 / 4];  // of four callbacks two decode a packet
}

/// All that a path held up for 300 ms comes at once.
TEST(Work, ABlockedPathCostsNoCallbackItsTime) {
    EXPECT_LT(least_of_three(cost_of_a_blocked_path), 40);  // it was 120 packets, and more than that
}

/// Eight channels in packets of 8 frames, every other of them missing: a new gap 3000 times a second.
TEST(Work, AStreamFullOfGapsCostsLittleMoreThanOneWithout) {
    const auto cost = [](bool gaps) {
        Listener listener(eight_channels);
        RtpHeader header{false, audio_type, {1}, {1}, 7};
        double angle = 0;
        double spent = 0;
        for (int n = 0; n < 1500; ++n) {
            for (int part = 0; part < period / 8; ++part, header.time.value += 8) {
                std::vector<std::uint8_t> packet(rtp_header_size);
                for (int i = 0; i < 64; ++i) {
                    const auto sample = static_cast<std::int16_t>(8000 * std::sin(angle += 0.07));
                    packet.push_back(static_cast<std::uint8_t>(sample >> 8));
                    packet.push_back(static_cast<std::uint8_t>(sample & 0xff));
                }
                if (gaps && part % 2 != 0) continue;  // missing in time, not in the numbers
                write_rtp_header(header, std::span<std::uint8_t, rtp_header_size>(packet.data(), rtp_header_size));
                header.seq = header.seq + 1;
                listener.push(packet);
            }
            spent += listener.render();
        }
        EXPECT_EQ(listener.metrics().concealed > 3000, gaps);
        return spent;
    };
    const double whole = least_of_three([&] { return cost(false); });
    const double full_of_gaps = least_of_three([&] { return cost(true); });
    EXPECT_LT(full_of_gaps, 40 * whole);  // an analysis for each gap would be 200 times as much
}

/// A path that becomes longer is set right in one callback, for all that came meanwhile.
TEST(Work, ARouteChangeCostsNoMoreThanThePacketsItConcerns) {
    DelayTarget target;
    target.restart(0);
    double now = 0;
    double adding = 1e9;
    double easing = 1e9;
    for (int round = 0; round < 5; ++round) {
        const double since = now;
        double before = processor_seconds();
        for (int n = 0; n < 20000; ++n, now += 0.0007) target.add({now, 0.012, 0.0005}, false);
        adding = std::min(adding, processor_seconds() - before);
        before = processor_seconds();
        for (int n = 0; n < 10; ++n) target.ease(since, 0.0005);
        easing = std::min(easing, processor_seconds() - before);
    }
    EXPECT_LT(easing, 3 * adding);  // 10 times 1024 packets; all of the past would be 65536 counters each time
}

}  // namespace
}  // namespace matriz::dsp::test
