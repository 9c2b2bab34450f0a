// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/recorder.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <utility>

#include "common/base/error.hpp"

namespace matriz::emitter {
namespace {

constexpr std::chrono::milliseconds write_interval{100};
constexpr int writes_between_securing = 10;
constexpr std::uintmax_t least_room = 16U << 20;  ///< bytes; a minute of stereo

/// A second or more; less is the remains of a try.
bool is_worth_keeping(const SoundFile& file) { return file.frames() >= file.format().rate.hz; }

}  // namespace

Recorder::Recorder(RecordConfig config) : config_(std::move(config)), writer_([this] { write_loop(); }) {
    pthread_setname_np(writer_.native_handle(), "matriz-record");
}

void Recorder::close() {
    if (!writer_.joinable()) return;
    closed_.store(true);
    // The feeder may make no system call to wake us; it takes microseconds.
    while (feeding_.load()) std::this_thread::sleep_for(std::chrono::microseconds{100});
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
    block.skipped_before = std::exchange(rt_.skipped, 0);
    block.used = 0;
    rt_.open = true;
    return true;
}

void Recorder::hand_over() noexcept {
    rt_.open = false;
    filled_.fetch_add(1, std::memory_order_release);
}

void Recorder::skip(std::uint64_t frames) noexcept {
    feeding_.store(true);
    if (!closed_.load()) {
        if (rt_.open) hand_over();
        rt_.skipped += frames;
    }
    feeding_.store(false);
}

/// Either close() sees that a feed is under way, or the feed sees that it is closed.
void Recorder::feed(std::span<const float> samples, int channels, SampleRate rate) noexcept {
    feeding_.store(true);
    if (channels > 0 && !closed_.load()) take(samples, channels, rate);
    feeding_.store(false);
}

void Recorder::take(std::span<const float> samples, int channels, SampleRate rate) noexcept {
    if (failed_.load(std::memory_order_relaxed)) {
        rt_ = {};  // the file that goes on begins with what comes then
        return;
    }
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
            try_again_in_time();
            write_queued();
            if (file_ && ++rounds % writes_between_securing == 0) file_->secure();
        } catch (const std::exception& error) {
            fail(describe(error));
        }
    }
    if (!file_) return;
    try {
        log_.info("closed {} after {:.1f} s", file_->path(),
                  static_cast<double>(file_->frames()) / file_->format().rate.hz);
        file_.reset();
        const std::lock_guard lock(mutex_);
        status_.recording = false;
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

void Recorder::open(const SoundFile::Format& format) {
    if (file_) log_.info("closed {}: the format changes", file_->path());
    file_.reset();
    file_.emplace(config_.folder, format);
    // A file that somebody looks for at once, or after a kill, is already a valid one.
    file_->secure();
    if (complaint_.empty())
        log_.info("writing {} ({} Hz, {} channels)", file_->path(), format.rate.hz, format.channels);
}

void Recorder::write_block(const Block& block) {
    const SoundFile::Format format{.rate = block.rate, .channels = block.channels, .container = config_.format};
    if (!file_ || file_->format() != format) open(format);
    // What was lost is there as silence: a recording keeps the time of what was played.
    const std::uint64_t missing = block.lost_before + block.skipped_before;
    std::vector<float> silence(std::min<std::size_t>(missing, block.rate.hz) *
                               static_cast<std::size_t>(block.channels));
    for (std::uint64_t left = missing; left > 0;) {
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
    if (!complaint_.empty() && is_worth_keeping(*file_)) note_recovery();
    const std::lock_guard lock(mutex_);
    status_.recording = true;
    status_.path = file_->path();
    status_.seconds = static_cast<double>(file_->frames()) / file_->format().rate.hz;
}

void Recorder::fail(const std::string& why) noexcept {
    failed_.store(true, std::memory_order_relaxed);
    next_try_ = std::chrono::steady_clock::now() + config_.retry;
    // What waits in the queue has nowhere to go: give the blocks back.
    written_.store(filled_.load(std::memory_order_acquire), std::memory_order_release);
    try {
        const std::string path = file_ ? file_->path() : "";
        const bool keep = file_ && file_->frames() > 0 && (complaint_.empty() || is_worth_keeping(*file_));
        file_.reset();
        if (!path.empty() && !keep) ::unlink(path.c_str());  // else each try would leave one
        if (std::exchange(complaint_, why) != why)
            log_.error("recording stops: {}; the stream goes on{}{}; tried again every {} s", why,
                       keep ? ", and what was recorded is in " : "", keep ? path : "",
                       std::chrono::duration<double>(config_.retry).count());
        const std::lock_guard lock(mutex_);
        status_.recording = false;
        status_.error = why;
    } catch (const std::exception&) {
    }
}

void Recorder::try_again_in_time() noexcept {
    if (!failed_.load(std::memory_order_relaxed) || std::chrono::steady_clock::now() < next_try_) return;
    next_try_ = std::chrono::steady_clock::now() + config_.retry;
    std::error_code error;  // no folder, no answer: then the file that cannot be made says why
    const auto space = std::filesystem::space(config_.folder, error);
    if (error || space.available >= least_room) failed_.store(false, std::memory_order_relaxed);
}

void Recorder::note_recovery() {
    log_.info("recording goes on, in {}", file_->path());
    complaint_.clear();
    const std::lock_guard lock(mutex_);
    status_.error.clear();
}

RecordingStatus Recorder::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

}  // namespace matriz::emitter
