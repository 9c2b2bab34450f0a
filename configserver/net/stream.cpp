// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/net/stream.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace matriz::net {

IoResult PlainStream::read(char* out, std::size_t size) noexcept {
    ssize_t count = 0;
    do {
        count = ::recv(socket_.get(), out, size, 0);
    } while (count < 0 && errno == EINTR);
    if (count > 0) return {IoStatus::done, static_cast<std::size_t>(count)};
    if (count == 0) return {IoStatus::closed, 0};
    return {errno == EAGAIN || errno == EWOULDBLOCK ? IoStatus::want_read : IoStatus::failed, 0};
}

IoResult PlainStream::write(const char* data, std::size_t size) noexcept {
    ssize_t count = 0;
    do {
        count = ::send(socket_.get(), data, size, MSG_NOSIGNAL);
    } while (count < 0 && errno == EINTR);
    if (count >= 0) return {IoStatus::done, static_cast<std::size_t>(count)};
    return {errno == EAGAIN || errno == EWOULDBLOCK ? IoStatus::want_write : IoStatus::failed, 0};
}

void PlainStream::finish() noexcept { ::shutdown(socket_.get(), SHUT_WR); }

}  // namespace matriz::net
