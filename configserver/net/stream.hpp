// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>

#include "configserver/net/fd.hpp"

namespace matriz::net {

enum class IoStatus {
    done,        ///< `bytes` were moved, at least one (a handshake: it is over)
    want_read,   ///< nothing until the descriptor is readable
    want_write,  ///< nothing until the descriptor is writable
    closed,      ///< the other side ended the stream
    failed,      ///< broken; close it
};
struct IoResult {
    IoStatus status = IoStatus::failed;
    std::size_t bytes = 0;
};

/// A connected, non-blocking byte stream. No member blocks. Main thread.
class Stream {
  public:
    virtual ~Stream() = default;
    /// Call when ready until it says done, before read and write.
    virtual IoResult handshake() noexcept = 0;
    virtual IoResult read(char* out, std::size_t size) noexcept = 0;
    virtual IoResult write(const char* data, std::size_t size) noexcept = 0;
    /// Bytes that are already in memory: epoll will not announce them again.
    virtual bool has_buffered() const noexcept = 0;
    /// Tells the other side that no more will come, as far as that is possible without waiting.
    virtual void finish() noexcept = 0;
    virtual int fd() const noexcept = 0;
    virtual bool encrypted() const noexcept = 0;
};

class PlainStream final : public Stream {
  public:
    explicit PlainStream(Fd socket) : socket_(std::move(socket)) {}
    IoResult handshake() noexcept override { return {IoStatus::done, 0}; }
    IoResult read(char* out, std::size_t size) noexcept override;
    IoResult write(const char* data, std::size_t size) noexcept override;
    bool has_buffered() const noexcept override { return false; }
    void finish() noexcept override;
    int fd() const noexcept override { return socket_.get(); }
    bool encrypted() const noexcept override { return false; }

  private:
    Fd socket_;
};

}  // namespace matriz::net
