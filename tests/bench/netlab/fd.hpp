// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <utility>

namespace matriz::netlab {

/// Owns a file descriptor.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) noexcept : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd();
    int get() const noexcept { return fd_; }

  private:
    int fd_ = -1;
};

/// Throws Error "<what>: <errno in words>" if `result` is negative, else returns it.
int checked(int result, const std::string& what);

}  // namespace matriz::netlab
