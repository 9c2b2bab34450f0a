// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "node/gst/ref.hpp"

namespace matriz::gst {

/// A buffer's bytes, mapped while this lives. False when the mapping failed. Any thread; the buffer must outlive it.
class MappedBuffer {
  public:
    MappedBuffer(GstBuffer* buffer, GstMapFlags flags) noexcept : buffer_(buffer) {
        if (gst_buffer_map(buffer, &map_, flags) == FALSE) buffer_ = nullptr;
    }
    MappedBuffer(const MappedBuffer&) = delete;
    MappedBuffer& operator=(const MappedBuffer&) = delete;
    ~MappedBuffer() {
        if (buffer_) gst_buffer_unmap(buffer_, &map_);
    }

    explicit operator bool() const noexcept { return buffer_ != nullptr; }
    std::span<std::uint8_t> bytes() const noexcept { return {map_.data, map_.size}; }
    /// The bytes as samples, whole ones only.
    template <class Sample>
    std::span<const Sample> as() const noexcept {
        return {reinterpret_cast<const Sample*>(map_.data), map_.size / sizeof(Sample)};
    }

  private:
    GstBuffer* buffer_;
    GstMapInfo map_ = GST_MAP_INFO_INIT;
};

}  // namespace matriz::gst
