// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/netlab/host.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <exception>

#include "common/base/error.hpp"

namespace matriz::netlab {
namespace {

constexpr const char* device = "net0";

ifreq request(const char* name) {
    ifreq r{};
    std::strncpy(r.ifr_name, name, IFNAMSIZ - 1);
    return r;
}

void set_address(int socket, unsigned long what, std::uint32_t address) {
    ifreq r = request(device);
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(address);
    std::memcpy(&r.ifr_addr, &in, sizeof in);
    checked(ioctl(socket, what, &r), "set the address of net0");
}

void bring_up(int socket, const char* name) {
    ifreq r = request(name);
    checked(ioctl(socket, SIOCGIFFLAGS, &r), "read the flags of a device");
    r.ifr_flags = static_cast<short>(r.ifr_flags | IFF_UP | IFF_RUNNING);
    checked(ioctl(socket, SIOCSIFFLAGS, &r), "bring a device up");
}

Host make_here(std::uint32_t address) {
    Host host;
    checked(unshare(CLONE_NEWNET), "make a network namespace (CAP_SYS_ADMIN is needed)");
    host.space = Fd(checked(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open the new namespace"));
    host.tunnel = Fd(checked(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "open /dev/net/tun"));
    ifreq r = request(device);
    r.ifr_flags = IFF_TUN | IFF_NO_PI;
    checked(ioctl(host.tunnel.get(), TUNSETIFF, &r), "make a TUN device (CAP_NET_ADMIN is needed)");
    const Fd socket(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "open a socket"));
    set_address(socket.get(), SIOCSIFADDR, address);
    set_address(socket.get(), SIOCSIFNETMASK, 0xffffff00);
    ifreq queue = request(device);
    queue.ifr_qlen = 4000;  // bursts wait here rather than being lost where no statistics count them
    checked(ioctl(socket.get(), SIOCSIFTXQLEN, &queue), "set the queue of net0");
    bring_up(socket.get(), "lo");
    bring_up(socket.get(), device);
    return host;
}

}  // namespace

Host make_host(std::uint32_t address) {
    const Fd home(checked(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open this namespace"));
    try {
        Host host = make_here(address);
        checked(setns(home.get(), CLONE_NEWNET), "come back to this namespace");
        return host;
    } catch (...) {
        setns(home.get(), CLONE_NEWNET);
        throw;
    }
}

}  // namespace matriz::netlab
