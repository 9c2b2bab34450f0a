// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/simulation/chain.hpp"

#include <algorithm>
#include <array>
#include <utility>

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

std::int64_t frames_of(double seconds) { return 1 + static_cast<std::int64_t>(seconds * rate.hz); }

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
      capture_clock_(rate, setup.period),
      link_(setup.link, setup.seed),
      playout_(format_, config_of(setup)),
      random_(setup.seed),
      out_(channels, std::vector<float>(static_cast<std::size_t>(setup.period))) {
    next_stall_ = exponential(setup.stall_every);
    if (setup.xruns != Setup::Xruns::none) next_xrun_ = frames_of(exponential(setup.xrun_every));
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

/// What the sender says now that it lost, in frames.
std::int64_t Chain::lost_before(double at) {
    const auto lost = std::exchange(lost_to_sender_, 0);
    switch (setup_.xruns_told) {
        case Setup::Told::no:
            return 0;
        case Setup::Told::at_once:
            return lost;
        case Setup::Told::found:
            break;
    }
    look_.cycle += static_cast<std::uint32_t>(setup_.period);
    look_.captured += static_cast<std::uint64_t>(setup_.period);
    look_.begin = clock(at + exponential(setup_.cycle_jitter));
    if (lost > 0) ++look_.xruns;
    return capture_clock_.look(look_);
}

void Chain::capture() {
    const double at = static_cast<double>(next_capture_) / rate.hz;
    const std::int64_t first = next_capture_ - lost_for_probe_;
    next_capture_ += setup_.period;
    if (const auto lost = lost_before(at); lost > 0) packetizer_.skip(lost);
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

void Chain::play() {
    const std::int64_t first = next_play_ - lost_for_probe_;
    const double at = static_cast<double>(next_play_) / rate.hz + setup_.phase + exponential(setup_.wake_jitter);
    next_play_ += setup_.period;
    while (!air_.empty() && air_.top().arrival <= at) {
        playout_.push(air_.top().bytes, clock(air_.top().arrival));
        air_.pop();
    }
    std::array<float*, channels> outs{out_[0].data(), out_[1].data()};
    playout_.render(outs.data(), setup_.period, clock(at));
    if (heard_) analyser_.push(first, out_[0]);
}

/// An xrun.
void Chain::stumble() {
    const std::int64_t lost = frames_of(exponential(setup_.xrun_length));
    if (setup_.xruns != Setup::Xruns::receiver) {
        lost_to_sender_ += lost;
        next_capture_ += lost;
    }
    if (setup_.xruns != Setup::Xruns::sender) next_play_ += lost;
    if (setup_.xruns == Setup::Xruns::both) lost_for_probe_ += lost;
    analyser_.disturbed(next_play_ - lost_for_probe_);
    next_xrun_ += frames_of(exponential(setup_.xrun_every));
}

void Chain::run(double seconds) {
    end_ += static_cast<std::int64_t>(seconds * rate.hz / setup_.period) * setup_.period;
    if (setup_.xruns == Setup::Xruns::none) next_xrun_ = end_;
    while (std::min(next_capture_, next_play_) < end_) {
        if (next_xrun_ <= std::min(next_capture_, next_play_))
            stumble();
        else if (next_play_ <= next_capture_)
            play();
        else
            capture();
    }
}

void Chain::run_unheard(double seconds) {
    heard_ = false;
    run(seconds);
    heard_ = true;
}

}  // namespace matriz::bench
