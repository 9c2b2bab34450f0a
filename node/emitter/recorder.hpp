// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "common/base/log.hpp"
#include "node/emitter/config.hpp"
#include "node/emitter/sound_file.hpp"

namespace matriz::emitter {

struct RecordingStatus {
    bool recording = false;
    std::string path;                  ///< of the file being written, or of the last one
    double seconds = 0;                ///< in that file
    std::uint64_t dropped_frames = 0;  ///< replaced by silence because the disk was too slow
    std::string error;                 ///< why it stands still by itself; empty while all is well
};

/// Writes what is sent into files, on a thread of its own behind a bounded queue: a slow or full disk costs the
/// recording something, the stream nothing. A file begins with the first audio and when rate or channel count change;
/// nothing is written before feed() is called for the first time. When a file cannot be written (any more), a new one
/// is tried every `retry`, while there is some room.
class Recorder {
  public:
    explicit Recorder(RecordConfig config);
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;
    ~Recorder() { close(); }

    /// Writes out what is queued and closes the file; what is fed from now on is ignored. Waits for the disk. Any
    /// thread but the audio thread and the feeder, one at a time.
    void close();

    /// RT-safe. Interleaved samples; one thread at a time.
    void feed(std::span<const float> samples, int channels, SampleRate rate) noexcept;
    /// RT-safe, the feeding thread: so many frames are missing before what is fed next. They become silence.
    void skip(std::uint64_t frames) noexcept;
    /// Any thread but the audio thread.
    RecordingStatus status() const;

  private:
    static constexpr std::size_t block_samples = 4096;
    static constexpr std::size_t block_count = 512;

    /// Some audio of one format. A block belongs to the feeder until it is handed over, then to the writer until
    /// written.
    struct Block {
        int channels = 0;
        SampleRate rate{};
        std::uint64_t lost_before = 0;     ///< frames that found no free block
        std::uint64_t skipped_before = 0;  ///< frames that were never fed
        std::size_t used = 0;
        std::array<float, block_samples> samples;
    };

    void take(std::span<const float> samples, int channels, SampleRate rate) noexcept;
    bool start_block(int channels, SampleRate rate) noexcept;
    void hand_over() noexcept;
    void write_loop() noexcept;
    void write_queued();
    void write_block(const Block& block);
    void open(const SoundFile::Format& format);
    void fail(const std::string& why) noexcept;
    void try_again_in_time() noexcept;
    void note_recovery();

    const RecordConfig config_;
    const log::Logger log_{"recording"};
    std::vector<Block> blocks_{block_count};
    std::atomic<std::size_t> filled_{0};   ///< blocks handed over, ever; written by the feeder
    std::atomic<std::size_t> written_{0};  ///< blocks written, ever; written by the writer
    std::atomic<bool> failed_{false};      ///< what is fed is dropped
    std::atomic<bool> closed_{false};      ///< the same, for good
    std::atomic<bool> feeding_{false};     ///< feed() is at work
    struct {                               // the feeding thread; after closed_ and not feeding_, close()
        bool open = false;                 ///< the block at filled_ has something in it
        std::uint64_t lost = 0;
        std::uint64_t skipped = 0;
    } rt_;

    // Only the writer thread.
    std::optional<SoundFile> file_;
    std::chrono::steady_clock::time_point next_try_{};  ///< while failed_
    std::string complaint_;                             ///< said last; empty: all is well
    mutable std::mutex mutex_;                          ///< guards status_ and stopping_
    RecordingStatus status_;
    bool stopping_ = false;
    std::condition_variable wake_;
    std::thread writer_;  ///< last: it uses all the others
};

}  // namespace matriz::emitter
