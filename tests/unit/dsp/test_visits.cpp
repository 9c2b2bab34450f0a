// SPDX-License-Identifier: GPL-3.0-or-later
// Peers that come and go for a day, in simulated time, leave nothing behind on the heap.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "plugins/dsp/playout/playout.hpp"
#include "plugins/dsp/rtp/packet.hpp"
#include "plugins/dsp/rtp/packetizer.hpp"
#include "tests/unit/dsp/heap_count.hpp"

namespace matriz::dsp::test {
namespace {

constexpr std::uint8_t red_type = 96;
constexpr std::uint8_t audio_type = 97;
constexpr double recorded = 0.4;  // seconds
constexpr int minutes = 24 * 60;
constexpr int places = 4;  // peers at a time

/// What a sender of one format sends, encoded once.
struct Recording {
    struct Packet {
        std::int64_t position;
        std::vector<std::uint8_t> payload;
    };
    explicit Recording(const StreamFormat& of) : format(of) {
        Packetizer packetizer(make_encoder({.format = format}), format.channels, audio_type);
        std::vector<float> in(static_cast<std::size_t>(recorded * format.rate.hz) *
                              static_cast<std::size_t>(format.channels));
        for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(0.5 * std::sin(0.03 * double(i)));
        packetizer.push(in, {2, 1}, [&](const Payload& payload) {
            packets.push_back({payload.position, {payload.bytes.begin(), payload.bytes.end()}});
            return true;
        });
    }
    StreamFormat format;
    std::vector<Packet> packets;
};

/// One peer, from its coming to its going.
class Visit {
  public:
    Visit(const Recording& recording, unsigned card_rate, double begin)
        : recording_(recording), card_rate_(card_rate), now_(begin), playout_(recording.format, config(card_rate)) {}

    /// The recording is played to the end. Each time another sender begins: other numbers, other times, another source.
    void hear(std::mt19937& random) {
        RtpHeader header{
            false, red_type, {static_cast<std::uint16_t>(random())}, {}, static_cast<std::uint32_t>(random())};
        const auto origin = static_cast<std::uint32_t>(random());
        for (const auto& packet : recording_.packets) {
            const double sent = now_ + static_cast<double>(packet.position) / recording_.format.rate.hz;
            render_until(sent + std::uniform_real_distribution<double>(0, 0.002)(random));
            header.seq = header.seq + 1;
            if (random() % 20 == 0) continue;
            header.time = {origin + static_cast<std::uint32_t>(packet.position)};
            bytes_.resize(rtp_header_size);
            write_rtp_header(header, std::span<std::uint8_t, rtp_header_size>(bytes_.data(), rtp_header_size));
            bytes_.insert(bytes_.end(), packet.payload.begin(), packet.payload.end());
            playout_.push(bytes_, clock(card_));
        }
        now_ += recorded + 0.1;  // the next one is believed when this one has been silent
        render_until(now_);
    }

    PlayoutMetrics metrics() const { return playout_.metrics(); }

  private:
    static constexpr int period = 128;

    static PlayoutConfig config(unsigned card_rate) {
        PlayoutConfig config{.output_rate = {card_rate}, .output_channels = 2};
        config.red_payload_type = red_type;
        config.payload_type = audio_type;
        return config;
    }
    static std::chrono::nanoseconds clock(double seconds) {
        return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
    }
    void render_until(double time) {
        std::array<float*, 2> outs{out_[0].data(), out_[1].data()};
        if (card_ == 0) card_ = now_;
        for (; card_ < time; card_ += static_cast<double>(period) / card_rate_)
            playout_.render(outs.data(), period, clock(card_));
    }

    const Recording& recording_;
    const unsigned card_rate_;
    double now_;
    double card_ = 0;
    Playout playout_;
    std::vector<std::uint8_t> bytes_;
    std::array<std::array<float, period>, 2> out_{};
};

TEST(Visits, OfADayLeaveNothingOnTheHeap) {
    const std::array recordings{
        Recording({CodecId::opus, {48000}, 2, {120}, {}}),       Recording({CodecId::opus, {48000}, 4, {480}, {}}),
        Recording({CodecId::opus_custom, {48000}, 2, {64}, {}}), Recording({CodecId::pcm16, {48000}, 2, {64}, {}}),
        Recording({CodecId::pcm24, {44100}, 1, {64}, {}}),       Recording({CodecId::float32, {96000}, 2, {128}, {}})};
    std::mt19937 random(5);  // NOLINT: repeatable
    std::array<std::unique_ptr<Visit>, places> here;
    const auto visit = [&](int minute) {
        const unsigned card_rate = std::array{48000U, 48000U, 44100U, 96000U}[random() % 4];
        auto& place = here[static_cast<std::size_t>(minute) % places];
        place = std::make_unique<Visit>(recordings[random() % recordings.size()], card_rate, 60.0 * minute + 60);
        const unsigned senders = 1 + random() % 2;
        for (unsigned i = 0; i < senders; ++i) place->hear(random);
        EXPECT_GT(place->metrics().received, 10U);
        EXPECT_EQ(place->metrics().restarts, senders - 1);
    };
    const auto leave = [&] {
        for (auto& place : here) place.reset();
    };
    for (int minute = 0; minute < 20; ++minute) visit(minute);  // what a codec makes once is made
    leave();
    const HeapInUse before = heap_in_use();
    for (int minute = 20; minute < minutes; ++minute) visit(minute);
    EXPECT_GT(heap_in_use().blocks, before.blocks + places) << "what peers have is counted";
    leave();
    const HeapInUse after = heap_in_use();
    EXPECT_EQ(after.blocks, before.blocks);
    EXPECT_EQ(after.bytes, before.bytes);
}

}  // namespace
}  // namespace matriz::dsp::test
