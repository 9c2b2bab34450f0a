// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sndfile.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "common/base/units.hpp"
#include "node/config/config.hpp"

namespace matriz::emitter {

/// A WAV or FLAC file being written, 24 bits a sample. WAV turns into RF64 by itself when it passes 4 GB, and its
/// header is brought up to date as it grows, so that a file whose writer was killed is still whole. One thread.
class SoundFile {
  public:
    struct Format {
        SampleRate rate{48000};
        int channels = 2;
        node::RecordFormat container = node::RecordFormat::wav;
        bool operator==(const Format&) const = default;
    };

    /// Makes a new file in `folder` (made too if missing), named after the local time; never overwrites one.
    /// Throws Error with the reason.
    SoundFile(const std::string& folder, const Format& format);
    SoundFile(SoundFile&&) = default;
    SoundFile& operator=(SoundFile&&) = default;

    /// Appends interleaved samples. Throws Error with the system's reason (disk full …).
    void write(std::span<const float> samples);
    /// Makes what was written readable even if the process dies or the power goes now (of FLAC all but the last block).
    /// Waits for the disk. Throws Error.
    void secure();

    const std::string& path() const noexcept { return path_; }
    const Format& format() const noexcept { return format_; }
    std::uint64_t frames() const noexcept { return frames_; }

  private:
    struct Close {
        void operator()(SNDFILE* file) const { sf_close(file); }
    };
    Format format_;
    std::string path_;
    std::unique_ptr<SNDFILE, Close> file_;
    std::uint64_t frames_ = 0;
};

}  // namespace matriz::emitter
