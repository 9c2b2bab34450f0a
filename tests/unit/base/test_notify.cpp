// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "common/base/notify.hpp"

namespace matriz::notify {
namespace {

/// A service manager's end of the notification socket, in the abstract namespace.
class Manager : public testing::Test {
  protected:
    Manager() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string name = "matriz-test-notify-" + std::to_string(getpid());
        std::copy(name.begin(), name.end(), address.sun_path + 1);
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
        EXPECT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address), length), 0);
        setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
    }
    ~Manager() override {
        for (const char* variable : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(variable);
        close(socket_);
    }

    /// The next message; empty when there is none.
    std::string heard() {
        char text[512];
        const ssize_t size = recv(socket_, text, sizeof text, MSG_DONTWAIT);
        return size < 0 ? "" : std::string(text, static_cast<std::size_t>(size));
    }

    const int socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

TEST_F(Manager, HearsTheLifeOfAProgram) {
    ready();
    EXPECT_EQ(heard(), "READY=1");
    alive();
    EXPECT_EQ(heard(), "WATCHDOG=1");
    reloading();
    EXPECT_EQ(heard().find("RELOADING=1\nMONOTONIC_USEC="), 0U);
    stopping();
    EXPECT_EQ(heard(), "STOPPING=1");
    EXPECT_EQ(heard(), "");
}

TEST_F(Manager, GetsOneLineOfStatus) {
    status("3 peers, 1 silent\nREADY=1");  // a peer's name must not speak for us
    EXPECT_EQ(heard(), "STATUS=3 peers, 1 silent");
}

TEST_F(Manager, TellsHowOftenItWantsToHear) {
    EXPECT_FALSE(watchdog_interval());
    setenv("WATCHDOG_USEC", "20000000", 1);
    EXPECT_EQ(watchdog_interval(), std::chrono::seconds(10));
    setenv("WATCHDOG_PID", "1", 1);  // meant for another process
    EXPECT_FALSE(watchdog_interval());
}

TEST(NoManager, NothingHappens) {
    unsetenv("NOTIFY_SOCKET");
    ready();
    alive();
    status("on my own");
    EXPECT_FALSE(watchdog_interval());
}

}  // namespace
}  // namespace matriz::notify
