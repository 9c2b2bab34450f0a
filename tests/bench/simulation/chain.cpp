// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/simulation/chain.hpp"

#include <algorithm>
#include <array>

#include "plugins/dsp/rtp/packet.hpp"

namespace matriz::bench {

namespace {

constexpr SampleRate rate{48000};
constexpr int channels = 2;
constexpr std::uint8_t audio_type = 97;
constexpr std::uint8_t red_type = 96;
constexpr std::size_t headers = 28;  // of IP and UDP
constexpr double origin = 1000;      // seconds: clocks do not start at 0

std::chrono::nanoseconds clock(double seconds) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>((seconds + origin) * 1e9));
}

dsp::StreamFormat format_of(const Chain::Setup& setup) {
    return {setup.codec, rate, channels, Frames{setup.codec == dsp::CodecId::opus ? 120 : setup.period}, {}};
}

dsp::PlayoutConfig config_of(const Chain::Setup& setup) {
    auto config = setup.playout;
    config.output_rate = rate;
    config.output_channels = channels;
    config.payload_type = audio_type;
    config.red_payload_type = setup.redundancy > 0 ? red_type : -1;
    return config;
}

}  // namespace

Chain::Chain(const Setup& setup)
    : setup_(setup),
      loop_(probe::make_loop(setup.signal, rate, 0)),
      correlator_(loop_),
      analyser_(loop_, correlator_),
      format_(format_of(setup)),
      packetizer_(
          dsp::make_encoder({.format = format_, .bitrate = setup.bitrate, .expected_loss = setup.expected_loss}),
          channels, setup.redundancy > 0 ? std::optional(audio_type) : std::nullopt),
      link_(setup.link, setup.seed),
      playout_(format_, config_of(setup)),
      random_(setup.seed),
      out_(channels, std::vector<float>(static_cast<std::size_t>(setup.period))) {
    next_stall_ = exponential(setup.stall_every);
}

/// When what is captured at `at` reaches the link: threads that stand still now and then, and never overtake.
double Chain::sent_after(double at) {
    double sent = at + setup_.sender_delay + exponential(setup_.sender_jitter);
    if (setup_.stall_every > 0 && at > next_stall_) {
        stalled_until_ = at + exponential(setup_.stall_length);
        next_stall_ = at + exponential(setup_.stall_every);
    }
    sent = std::max({sent, stalled_until_, last_sent_ + 5e-6});
    return last_sent_ = sent;
}

void Chain::capture(double at) {
    const std::int64_t first = cycle_ * setup_.period;
    std::vector<float> samples;
    for (int i = 0; i < setup_.period; ++i) samples.insert(samples.end(), channels, loop_.at(first + i));
    const double sent = sent_after(at);
    packetizer_.push(samples, {setup_.redundancy, setup_.distance}, [&](const dsp::Payload& payload) {
        std::vector<std::uint8_t> packet(dsp::rtp_header_size);
        dsp::write_rtp_header({payload.after_gap, setup_.redundancy > 0 ? red_type : audio_type, SeqNo{seq_},
                               RtpTime{static_cast<std::uint32_t>(payload.position)}, 0x1234},
                              std::span<std::uint8_t, dsp::rtp_header_size>(packet.data(), dsp::rtp_header_size));
        ++seq_;
        packet.insert(packet.end(), payload.bytes.begin(), payload.bytes.end());
        const auto leaves = link_.offer(clock(sent), packet.size() + headers);
        for (std::size_t i = 0; i < leaves.count; ++i)
            air_.push({static_cast<double>(leaves.at[i].count()) * 1e-9 - origin, order_++, packet});
        return true;
    });
}

void Chain::play(double at) {
    while (!air_.empty() && air_.top().arrival <= at) {
        playout_.push(air_.top().bytes, clock(air_.top().arrival));
        air_.pop();
    }
    std::array<float*, channels> outs{out_[0].data(), out_[1].data()};
    playout_.render(outs.data(), setup_.period, clock(at));
    analyser_.push(cycle_ * setup_.period, out_[0]);
}

void Chain::run(double seconds) {
    const auto cycles = static_cast<std::int64_t>(seconds * rate.hz / setup_.period);
    for (const std::int64_t end = cycle_ + cycles; cycle_ < end; ++cycle_) {
        const double at = static_cast<double>(cycle_ * setup_.period) / rate.hz;
        play(at + setup_.phase + exponential(setup_.wake_jitter));
        capture(at);
    }
}

}  // namespace matriz::bench
