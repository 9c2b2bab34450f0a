// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/dsp/playout/playout.hpp"

#include <algorithm>
#include <cmath>

#include "common/base/error.hpp"
#include "plugins/dsp/rtp/packet.hpp"
#include "plugins/dsp/rtp/red.hpp"

namespace matriz::dsp {

namespace {

// One callback decodes a packet whole, so it must not hold the 120 ms that RFC 7587 allows. More than two channels are
// several streams, and only nodes send them, 20 ms at the most.
constexpr int longest_packet_ms = 60;
constexpr int longest_packet_of_many_ms = 20;
constexpr int chunk = 1024;            // frames rendered at a go
constexpr double fade_end = 0.060;     // seconds after which a decoder's concealment is silent
constexpr double tail_length = 0.002;  // seconds in which a stream fades out that another one ends

// How the delay is moved while sound plays: the pitch changes by less than anyone hears (4 cents down, 3 up; a trained
// ear tells 5), and a step beyond `jump_above` is made at once.
constexpr double fastest_shrink = 0.002;
constexpr double fastest_growth = 0.0025;
constexpr double shrink_gain = 1.0;  // a second
constexpr double growth_gain = 3.0;
constexpr double jump_above = 0.015;         // seconds of delay too much that are left out at once
constexpr double cut_after = 0.05;           // seconds after an xrun, when it is known whether the sender lost as much
constexpr double stand_still_above = 0.004;  // seconds of delay too little that are made up at once…
constexpr double halt_above = 0.002;         // …and in a gap: for less it is not worth to come out of phase

int longest_packet(const StreamFormat& format) {
    return static_cast<int>(format.rate.hz) * (format.channels > 2 ? longest_packet_of_many_ms : longest_packet_ms) /
           1000;
}

constexpr int least_packets = 512;
constexpr int shortest_period = 16;  // frames: JACK's, and that of a PCM packet

/// What the longest delay needs, and a quarter more for bursts.
int packets_held(const StreamFormat& format, const PlayoutConfig& config) {
    if (config.packet_capacity) return *config.packet_capacity;
    const double rate = format.rate.hz;
    const double shortest = format.codec == CodecId::opus                                    ? 0.0025
                            : format.codec == CodecId::opus_custom && format.frame.count > 0 ? format.frame.count / rate
                                                                                             : shortest_period / rate;
    const double most = std::chrono::duration<double>(config.max_delay).count() / shortest;
    return static_cast<int>(std::clamp(most * 1.25, 1.0 * least_packets, 1.0 * PacketPool::none - 1));
}

PlayoutConfig checked(const PlayoutConfig& config) {
    if (config.output_channels < 1 || config.output_channels > max_channels)
        throw Error("{} output channels: 1 to {} are possible", config.output_channels, max_channels);
    if (config.output_rate.hz < 8000 || config.output_rate.hz > 384000)
        throw Error("output rate {} Hz: 8000 to 384000 are possible", config.output_rate.hz);
    return config;
}

}  // namespace

Playout::Rt::Rt(const StreamFormat& format, const PlayoutConfig& config, PacketPool& pool, Decoder& decoder,
                MetricsBoard& metrics)
    : clock(config.output_rate),
      reception(pool, decoder, format.rate, longest_packet(format),
                std::chrono::duration<double>(config.max_delay).count(), metrics),
      resampler(format.rate, config.output_rate, format.channels),
      stage(static_cast<std::size_t>(longest_packet(format) * format.channels)),
      mixed(static_cast<std::size_t>(chunk * format.channels)),
      packet_frames(static_cast<int>(format.rate.hz) / 400) {}

Playout::Playout(const StreamFormat& format, const PlayoutConfig& config)
    : format_(format),
      config_(checked(config)),
      decoder_(make_decoder(format)),
      pool_(packets_held(format, config)),
      min_delay_us_(config.min_delay.count()),
      max_delay_us_(config.max_delay.count()),
      rt_(format_, config_, pool_, *decoder_, metrics_) {}

void Playout::set_delay_bounds(std::chrono::microseconds min, std::chrono::microseconds max) noexcept {
    min_delay_us_.store(min.count(), std::memory_order_relaxed);
    max_delay_us_.store(max.count(), std::memory_order_relaxed);
}

// ---- network thread

void Playout::push(std::span<const std::uint8_t> rtp_packet, std::chrono::nanoseconds arrival) noexcept {
    const auto packet = parse_rtp(rtp_packet);
    if (!packet) return metrics_.add(MetricsBoard::malformed);
    PacketCell header;
    header.seq = packet->header.seq;
    header.time = packet->header.time;
    header.ssrc = packet->header.ssrc;
    header.arrival = arrival;

    const int type = packet->header.payload_type;
    if (config_.red_payload_type >= 0 && type == config_.red_payload_type) {
        const auto blocks = parse_red(header.time, packet->payload);
        if (!blocks || (config_.payload_type >= 0 && blocks->primary().payload_type != config_.payload_type))
            return metrics_.add(MetricsBoard::malformed);
        submit(header, blocks->primary().payload, false);  // first: the copies are placed by it
        for (const RedBlock& block : blocks->redundant()) {
            if (config_.payload_type >= 0 && block.payload_type != config_.payload_type) continue;
            if (block.payload.empty()) continue;
            header.time = block.time;
            submit(header, block.payload, true);
        }
        return;
    }
    if (config_.payload_type >= 0 && type != config_.payload_type) return metrics_.add(MetricsBoard::malformed);
    submit(header, packet->payload, false);
}

void Playout::submit(const PacketCell& header, std::span<const std::uint8_t> payload, bool redundant) noexcept {
    if (payload.empty() || payload.size() > PacketCell::max_payload) return metrics_.add(MetricsBoard::malformed);
    const auto index = pool_.acquire();
    if (index == PacketPool::none) return metrics_.add(MetricsBoard::overflows);
    PacketCell& cell = pool_[index];
    cell.seq = header.seq;
    cell.time = header.time;
    cell.ssrc = header.ssrc;
    cell.arrival = header.arrival;
    cell.redundant = redundant;
    cell.size = static_cast<std::uint16_t>(payload.size());
    std::copy(payload.begin(), payload.end(), cell.payload.begin());
    pool_.submit(index);
}

// ---- audio thread

void Playout::render(float* const* out, int frames, std::chrono::nanoseconds now,
                     const std::optional<DeviceReport>& report) noexcept {
    const double lost = rt_.clock.begin_period(now, frames, report);
    const double here = rt_.clock.now();
    if (lost > 0) {
        rt_.reception.interrupted(here, lost);
        rt_.cut_at = std::min(rt_.cut_at, here + cut_after);
    }
    const auto drained = rt_.reception.drain(rt_.clock, rt_.next, rt_.even_from);
    if (drained.restarted)
        start_over(here, frames);
    else if (drained.play_from < rt_.next)
        rt_.next = rt_.even_from = drained.play_from;
    if (!rt_.reception.started()) {
        for (int c = 0; c < config_.output_channels; ++c) std::fill_n(out[c], frames, 0.0F);
        return;
    }
    steer(here, frames);
    for (int done = 0; done < frames; done += chunk) fill(out, done, std::min(chunk, frames - done));
}

double Playout::position() const noexcept {
    return static_cast<double>(rt_.next - (rt_.stage_end - rt_.stage_at)) - rt_.resampler.ahead();
}

double Playout::update_target(double now, int period) noexcept {
    const auto seconds = [](const auto& us) { return static_cast<double>(us.load(std::memory_order_relaxed)) * 1e-6; };
    return rt_.reception.target().update(now, static_cast<double>(period) / config_.output_rate.hz,
                                         static_cast<double>(rt_.resampler.lookahead()) / format_.rate.hz,
                                         {seconds(min_delay_us_), seconds(max_delay_us_), config_.gap_price});
}

/// A new stream: what is left of the old one fades out, the new one begins at the target delay.
void Playout::start_over(double now, int period) noexcept {
    const int tail = static_cast<int>(format_.rate.hz * tail_length);
    rt_.stage_at = 0;
    rt_.stage_end = tail;
    if (rt_.silent) {
        std::fill_n(rt_.stage.begin(), tail * format_.channels, 0.0F);
    } else {
        decoder_->conceal(rt_.stage.data(), tail);
        for (int i = 0; i < tail * format_.channels; ++i)
            rt_.stage[static_cast<std::size_t>(i)] *=
                1.0F - static_cast<float>(i / format_.channels + 1) / static_cast<float>(tail);
    }
    decoder_->reset();
    rt_.silent = true;
    rt_.joint_due = true;
    rt_.next = 0;
    const double target = update_target(now, period);
    const double wanted = rt_.reception.edge(now) - target * format_.rate.hz;
    rt_.next = static_cast<std::int64_t>(std::floor(wanted - position()));
    rt_.even_from = rt_.next;
}

/// Sets the resampler's speed so that the delay nears its target.
void Playout::steer(double now, int period) noexcept {
    auto& reception = rt_.reception;
    const double rate = format_.rate.hz;
    const double target = update_target(now, period);
    double delay = (reception.edge(now) - position()) / rate;
    double error = delay - target;

    const bool cut = now >= rt_.cut_at;  // what waits since the device lost sound
    if (cut) rt_.cut_at = never;
    const double bearable = cut ? 0.0005 : jump_above;
    if ((rt_.silent && std::abs(error) > 0.0002) || error > bearable || error < -10 * jump_above) {
        jump(error * rate);
        delay -= error;
        error = 0;
    }
    const double slew =
        error > 0 ? std::min(error * shrink_gain, fastest_shrink) : std::max(error * growth_gain, -fastest_growth);
    rt_.resampler.set_speed(1 + reception.drift().drift() + slew);
    rt_.deficit = std::max(0.0, -error * rate);

    metrics_.set(MetricsBoard::target_ms, target * 1e3);
    metrics_.set(MetricsBoard::delay_ms, delay * 1e3);
    metrics_.set(MetricsBoard::jitter_ms, reception.target().jitter() * 1e3);
    metrics_.set(MetricsBoard::drift_ppm, reception.drift().drift() * 1e6);
    metrics_.set(MetricsBoard::playing, rt_.silent ? 0 : 1);
}

/// Goes on elsewhere in the stream: `frames` further, or back when negative.
void Playout::jump(double frames) noexcept {
    rt_.next += static_cast<std::int64_t>(std::floor(frames));
    rt_.even_from = rt_.next;
    if (rt_.silent) return;
    metrics_.add(MetricsBoard::jumps);
    rt_.joint_due = true;
}

void Playout::fill(float* const* out, int offset, int frames) noexcept {
    const int channels = format_.channels;
    for (int done = 0; done < frames;) {
        if (rt_.stage_at == rt_.stage_end) refill(frames - done);
        const auto progress =
            rt_.resampler.process(rt_.stage.data() + rt_.stage_at * channels, rt_.stage_end - rt_.stage_at,
                                  rt_.mixed.data() + done * channels, frames - done);
        rt_.stage_at += progress.consumed;
        done += progress.produced;
    }
    for (int c = 0; c < config_.output_channels; ++c) {
        float* to = out[c] + offset;
        const int source = channels == 1 ? 0 : c;
        if (source >= channels) {
            std::fill_n(to, frames, 0.0F);
            continue;
        }
        const float* from = rt_.mixed.data() + source;
        for (int i = 0; i < frames; ++i) to[i] = from[i * channels];
    }
    measure(frames);
}

/// Puts the next bit of sound into the empty stage. What is missing is concealed only as far as the `wanted` frames of
/// output need it: what comes until the next callback is then played from where it fits.
void Playout::refill(int wanted) noexcept {
    const int needed = static_cast<int>(std::ceil(wanted * rt_.resampler.step()));
    const int unit = std::min({needed, rt_.packet_frames, static_cast<int>(format_.rate.hz) / 400});
    const auto* slot = rt_.reception.slots().next(rt_.next);
    const bool stand_still = !rt_.silent && rt_.deficit > stand_still_above * format_.rate.hz;
    if (slot && slot->time <= rt_.next && !stand_still) {
        play(*slot);
    } else {
        const std::int64_t gap = slot && slot->time > rt_.next ? slot->time - rt_.next : unit;
        conceal(static_cast<int>(std::min<std::int64_t>(unit, gap)));
    }
}

void Playout::play(const Slots::Slot& waiting) noexcept {
    const Slots::Slot slot = waiting;
    metrics_.add(MetricsBoard::lost, rt_.reception.slots().play(waiting));
    if (slot.state == Slots::State::held_copy) metrics_.add(MetricsBoard::recovered);
    const int skipped = static_cast<int>(rt_.next - slot.time);
    if (rt_.joint_due) decoder_->conceal(nullptr, 0);
    rt_.joint_due = false;

    const auto decoded = decoder_->decode(pool_[slot.cell].bytes(), rt_.stage.data(), longest_packet(format_), skipped);
    pool_.release(slot.cell);
    if (!decoded || *decoded != slot.frames) {
        metrics_.add(MetricsBoard::malformed);
        return conceal(std::min(slot.frames - skipped, static_cast<int>(format_.rate.hz) / 400));
    }
    rt_.stage_at = skipped;
    rt_.stage_end = slot.frames;
    rt_.next = slot.time + slot.frames;
    rt_.packet_frames = slot.frames;
    rt_.reception.target().set_packet_length(static_cast<double>(slot.frames) / format_.rate.hz);
    rt_.silent = false;
    rt_.concealed_run = 0;
}

void Playout::conceal(int frames) noexcept {
    if (!rt_.silent) {
        if (rt_.concealed_run == 0) metrics_.add(MetricsBoard::concealed);
        metrics_.set(MetricsBoard::concealed_ms,
                     metrics_.get(MetricsBoard::concealed_ms) + 1e3 * frames / format_.rate.hz);
    }
    rt_.stage_at = 0;
    rt_.stage_end = frames;
    make_concealment(rt_.stage.data(), frames);
    // A gap is the cheapest moment to let the delay grow: the sound stands still instead of skipping what is missing.
    const bool halt = !rt_.silent && rt_.deficit > halt_above * format_.rate.hz;
    if (halt)
        rt_.deficit -= frames;
    else
        rt_.next += frames;
    if (halt || rt_.silent) rt_.even_from = rt_.next;
}

/// The decoder's own continuation, which fades to silence when it goes on for long.
void Playout::make_concealment(float* out, int frames) noexcept {
    const int channels = format_.channels;
    const double rate = format_.rate.hz;
    if (rt_.silent) {
        std::fill_n(out, frames * channels, 0.0F);
        return;
    }
    decoder_->conceal(out, frames);
    rt_.concealed_run += frames;
    if (rt_.concealed_run >= fade_end * rate) {
        rt_.silent = true;
        rt_.joint_due = true;
    }
}

void Playout::measure(int frames) noexcept {
    const int samples = frames * format_.channels;
    float peak = 0;
    double sum = 0;
    for (int i = 0; i < samples; ++i) {
        const float sample = rt_.mixed[static_cast<std::size_t>(i)];
        peak = std::max(peak, std::abs(sample));
        sum += static_cast<double>(sample) * sample;
    }
    if (frames != rt_.measured_frames) {
        rt_.measured_frames = frames;
        rt_.level_keeps = std::exp(-static_cast<double>(frames) / config_.output_rate.hz / 0.3);
    }
    rt_.peak = std::max(rt_.peak * rt_.level_keeps, static_cast<double>(peak));
    rt_.power = rt_.power * rt_.level_keeps + (1 - rt_.level_keeps) * sum / samples;
    metrics_.set(MetricsBoard::level_peak, rt_.peak);
    metrics_.set(MetricsBoard::level_rms, std::sqrt(rt_.power));
}

}  // namespace matriz::dsp
