// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/dsp/simulation.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "plugins/dsp/rtp/bytes.hpp"
#include "plugins/dsp/rtp/packet.hpp"

namespace matriz::dsp::test {

namespace {
constexpr std::uint8_t audio_type = 97;
constexpr std::uint8_t red_type = 96;
constexpr double click_threshold = 0.02;  // of a sine of amplitude 0.5

PlayoutConfig with_types(PlayoutConfig config, bool red) {
    config.payload_type = audio_type;
    config.red_payload_type = red ? red_type : -1;
    return config;
}
}  // namespace

Simulation::Simulation(Setup setup)
    : setup_(setup),
      playout_(setup.format, with_types(setup.playout, setup.redundancy > 0)),
      random_(setup.seed),
      next_packet_(0.001 + setup.packet_frames / static_cast<double>(setup.format.rate.hz)),
      next_period_(0.001 + setup.phase),
      seq_(setup.first_seq) {
    for (int c = 0; c < setup.playout.output_channels; ++c)
        buffers_.emplace_back(static_cast<std::size_t>(setup.period));
    for (auto& buffer : buffers_) outs_.push_back(buffer.data());
}

void Simulation::run(double seconds) {
    const double end = now_ + seconds;
    for (;;) {
        const double arrival = air_.empty() ? 1e18 : air_.top().arrival;
        const double next = std::min({arrival, next_packet_, next_callback()});
        if (next > end) break;
        now_ = next;
        if (next == arrival) {
            playout_.push(air_.top().bytes, clock(now_));
            air_.pop();
        } else if (next == next_packet_) {
            send_packet();
        } else {
            render();
        }
    }
    now_ = end;
}

std::vector<std::uint8_t> Simulation::payload(std::int64_t first_frame) const {
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(setup_.packet_frames * setup_.format.channels) * 2);
    if (setup_.tone == 0) return bytes;
    std::size_t at = 0;
    for (int i = 0; i < setup_.packet_frames; ++i) {
        const double phase =
            2 * std::numbers::pi * setup_.tone * static_cast<double>(first_frame + i) / setup_.format.rate.hz;
        const auto sample = static_cast<std::int16_t>(std::lround(16383 * std::sin(phase)));
        for (int c = 0; c < setup_.format.channels; ++c, at += 2)
            write_u16(bytes.data() + at, static_cast<std::uint16_t>(sample));
    }
    return bytes;
}

void Simulation::send_packet() {
    const double rate = setup_.format.rate.hz * (1 + setup_.sender_ppm * 1e-6);
    const std::int64_t full = frame_ + 2 * setup_.packet_frames;
    const int grid = setup_.capture_period > 0 ? setup_.capture_period : 1;
    next_packet_ = 0.001 + sender_behind_ + static_cast<double>((full + grid - 1) / grid * grid) / rate;
    const RtpTime time{setup_.first_time.value + static_cast<std::uint32_t>(frame_ - frame_origin_)};
    auto audio = payload(frame_);
    frame_ += setup_.packet_frames;
    if (!sending_) return;
    ++sent_;

    std::vector<std::uint8_t> packet(rtp_header_size);
    const bool red = setup_.redundancy > 0;
    write_rtp_header({false, red ? red_type : audio_type, seq_, time, setup_.ssrc},
                     std::span<std::uint8_t, rtp_header_size>(packet.data(), rtp_header_size));
    seq_ = seq_ + 1;
    if (red) {
        for (const auto& [old_time, bytes] : past_) {
            const auto offset = static_cast<std::uint32_t>(distance(time, old_time));
            const auto size = static_cast<std::uint32_t>(bytes.size());
            std::uint8_t block[4];
            write_u32(block, (0x80U | audio_type) << 24 | offset << 10 | size);
            packet.insert(packet.end(), block, block + 4);
        }
        packet.push_back(audio_type);
        for (const auto& old : past_) packet.insert(packet.end(), old.second.begin(), old.second.end());
        past_.emplace_back(time, audio);
        while (past_.size() > static_cast<std::size_t>(setup_.redundancy)) past_.pop_front();
    }
    packet.insert(packet.end(), audio.begin(), audio.end());
    if (tamper) tamper(packet);
    const double extra = network();
    if (extra >= 0) air_.push({now_ + setup_.link + extra, sent_, std::move(packet)});
}

void Simulation::restart_sender(SeqNo seq, RtpTime time, std::uint32_t ssrc) {
    seq_ = seq;
    setup_.first_time = time;
    setup_.ssrc = ssrc;
    frame_origin_ = frame_;
    past_.clear();
}

void Simulation::inject(const std::vector<std::uint8_t>& packet) { playout_.push(packet, clock(now_)); }

void Simulation::render() {
    next_period_ += setup_.period / (setup_.playout.output_rate.hz * (1 + setup_.card_ppm * 1e-6));
    playout_.render(outs_.data(), setup_.period, clock(now_),
                    card_reports ? std::optional(DeviceReport{}) : std::nullopt);
    const float* out = buffers_.front().data();
    const double turn = 2 * std::cos(2 * std::numbers::pi * setup_.tone / setup_.playout.output_rate.hz);
    for (int i = 0; i < setup_.period; ++i) {
        const double sample = out[i];
        if (std::abs(sample - turn * before_[0] + before_[1]) > click_threshold) ++clicks_;
        before_[1] = before_[0];
        before_[0] = sample;
        peak_ = std::max(peak_, std::abs(out[i]));
    }
    if (listen) listen(out, setup_.period);
}

int Simulation::clicks() { return std::exchange(clicks_, 0); }
float Simulation::peak() { return std::exchange(peak_, 0.0F); }

}  // namespace matriz::dsp::test
