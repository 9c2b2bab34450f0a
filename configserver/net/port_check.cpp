// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/net/port_check.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "common/glib/source.hpp"
#include "configserver/net/fd.hpp"

namespace matriz::net {

class PortChecker::Check final : private Reactor::Handler {
  public:
    Check(Reactor& reactor, const IpAddress& address, std::uint16_t port, std::chrono::milliseconds limit, Done done)
        : reactor_(reactor), where_(HostPort{address.to_string(), port}), done_(std::move(done)) {
        sockaddr_storage target{};
        const socklen_t length = address.to_sockaddr(port, target);
        fd_ = Fd(::socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (fd_ && (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&target), length) == 0 || errno == EINPROGRESS)) {
            watch_ = reactor_.add(fd_.get(), EPOLLOUT, *this);
            watching_ = true;
            timer_ = glib::Source::after(limit, [this] { finish(ETIMEDOUT); });
        } else {
            timer_ = glib::Source::after(std::chrono::milliseconds(0), [this, error = errno] { finish(error); });
        }
    }
    Check(const Check&) = delete;
    Check& operator=(const Check&) = delete;
    ~Check() { stop(); }

  private:
    void on_ready(std::uint32_t) noexcept override {
        int error = 0;
        socklen_t length = sizeof error;
        getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
        finish(error);
    }
    void stop() noexcept {
        if (watching_) reactor_.remove(watch_, fd_.get());
        watching_ = false;
        timer_.cancel();
        fd_.reset();
    }
    void finish(int error) {
        stop();
        Result result{error == 0, fmt::format("Port {} at {} is open", where_.port, where_.host)};
        if (error != 0)
            result.message = fmt::format("Port {} at {} is not open: {}", where_.port, where_.host,
                                         error == ETIMEDOUT ? "no answer" : std::strerror(error));
        const Done done = std::move(done_);  // the callee may destroy this check
        done(result);
    }

    Reactor& reactor_;
    HostPort where_;
    Done done_;
    Fd fd_;
    Reactor::Watch watch_;
    bool watching_ = false;
    glib::Source timer_;
};

PortChecker::Ticket PortChecker::start(const IpAddress& address, std::uint16_t port, Done done) {
    return std::make_shared<Check>(reactor_, address, port, limit_, std::move(done));
}

}  // namespace matriz::net
