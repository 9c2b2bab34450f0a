// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/recorder.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <exception>

#include "common/base/error.hpp"

namespace matriz::emitter {
namespace {

constexpr std::chrono::milliseconds write_interval{100};
constexpr int writes_per_header = 10;

}  // namespace

Recorder::Recorder(RecordConfig config) : config_(std::move(config)), writer_([this] { write_loop(); }) {
    pthread_setname_np(writer_.native_handle(), "matriz-record");
}

Recorder::~Recorder() {
    if (rt_.open) hand_over();
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    writer_.join();
}

bool Recorder::start_block(int channels, SampleRate rate) noexcept {
    const std::size_t index = filled_.load(std::memory_order_relaxed);
    if (index - written_.load(std::memory_order_acquire) >= block_count) return false;
    Block& block = blocks_[index % block_count];
    block.channels = channels;
    block.rate = rate;
    block.lost_before = std::exchange(rt_.lost, 0);
    block.used = 0;
    rt_.open = true;
    return true;
}

void Recorder::hand_over() noexcept {
    rt_.open = false;
    filled_.fetch_add(1, std::memory_order_release);
}

void Recorder::feed(std::span<const float> samples, int channels, SampleRate rate) noexcept {
    if (channels <= 0 || failed_.load(std::memory_order_relaxed)) return;
    const auto stride = static_cast<std::size_t>(channels);
    const std::size_t most = block_samples - block_samples % stride;
    while (samples.size() >= stride) {
        if (rt_.open) {
            const Block& open = blocks_[filled_.load(std::memory_order_relaxed) % block_count];
            if (open.channels != channels || open.rate != rate) hand_over();
        }
        if (!rt_.open && !start_block(channels, rate)) {
            rt_.lost += samples.size() / stride;
            return;
        }
        Block& block = blocks_[filled_.load(std::memory_order_relaxed) % block_count];
        const std::size_t n = std::min(samples.size() - samples.size() % stride, most - block.used);
        std::copy_n(samples.begin(), n, block.samples.begin() + static_cast<std::ptrdiff_t>(block.used));
        block.used += n;
        samples = samples.subspan(n);
        if (block.used == most) hand_over();
    }
}

void Recorder::write_loop() noexcept {
    int rounds = 0;
    bool stop = false;
    while (!stop) {
        try {
            {
                std::unique_lock lock(mutex_);
                wake_.wait_for(lock, write_interval, [this] { return stopping_; });
                stop = stopping_;
            }
            write_queued();
            if (file_ && ++rounds % writes_per_header == 0) file_->update_header();
        } catch (const std::exception& error) {
            fail(describe(error));
        }
    }
    if (!file_) return;
    try {
        log_.info("closed {} after {:.1f} s", file_->path(),
                  static_cast<double>(file_->frames()) / file_->format().rate.hz);
        file_.reset();
    } catch (const std::exception&) {
    }
}

void Recorder::write_queued() {
    for (;;) {
        const std::size_t index = written_.load(std::memory_order_relaxed);
        if (index == filled_.load(std::memory_order_acquire)) return;
        if (!failed_.load(std::memory_order_relaxed)) write_block(blocks_[index % block_count]);
        written_.store(index + 1, std::memory_order_release);
    }
}

void Recorder::write_block(const Block& block) {
    const SoundFile::Format format{.rate = block.rate, .channels = block.channels, .container = config_.format};
    if (!file_ || file_->format() != format) {
        if (file_) log_.info("closed {}: the format changes", file_->path());
        file_.reset();
        file_.emplace(config_.folder, format);
        log_.info("writing {} ({} Hz, {} channels)", file_->path(), format.rate.hz, format.channels);
        // A file that somebody looks for at once, or after a kill, is already a valid one.
        file_->update_header();
    }
    // What was lost is there as silence: a recording keeps the time of what was played.
    std::vector<float> silence(std::min<std::size_t>(block.lost_before, block.rate.hz) *
                               static_cast<std::size_t>(block.channels));
    for (std::uint64_t left = block.lost_before; left > 0;) {
        const std::uint64_t frames = std::min<std::uint64_t>(left, block.rate.hz);
        file_->write(std::span(silence).first(frames * static_cast<std::size_t>(block.channels)));
        left -= frames;
    }
    if (block.lost_before > 0) {
        log_.warning("the disk was too slow: {} frames are silence in {}", block.lost_before, file_->path());
        const std::lock_guard lock(mutex_);
        status_.dropped_frames += block.lost_before;
    }
    file_->write(std::span(block.samples).first(block.used));
    const std::lock_guard lock(mutex_);
    status_.recording = true;
    status_.path = file_->path();
    status_.seconds = static_cast<double>(file_->frames()) / file_->format().rate.hz;
}

void Recorder::fail(const std::string& why) noexcept {
    failed_.store(true, std::memory_order_relaxed);
    // What waits in the queue has nowhere to go: give the blocks back.
    written_.store(filled_.load(std::memory_order_acquire), std::memory_order_release);
    log_.error("recording stops: {}; the stream goes on{}{}", why, file_ ? ", and what was recorded is in " : "",
               file_ ? file_->path() : "");
    try {
        file_.reset();
        const std::lock_guard lock(mutex_);
        status_.recording = false;
        status_.error = why;
    } catch (const std::exception&) {
    }
}

RecordingStatus Recorder::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

}  // namespace matriz::emitter
