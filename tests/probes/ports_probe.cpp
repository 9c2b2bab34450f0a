// SPDX-License-Identifier: GPL-3.0-or-later
/// Opens ports of the router as the node does, tells each report, and closes them on SIGINT or SIGTERM.
/// usage: ports_probe RTSP_PORT FIRST_UDP LAST_UDP [INTERFACE]
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "node/ports/mapper.hpp"

int main(int argc, char** argv) {
    using namespace matriz::node::ports;
    if (argc < 4) {
        std::fprintf(stderr, "usage: %s RTSP_PORT FIRST_UDP LAST_UDP [INTERFACE]\n", argv[0]);
        return 2;
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    const auto port = [argv](int i) { return static_cast<std::uint16_t>(std::atoi(argv[i])); };
    const Mapper mapper(
        wanted(port(1), port(2), port(3)), router_on(argc > 4 ? argv[4] : ""),
        [](const Report& report) {
            std::printf("%s: %s\n", std::string(name(report.state)).c_str(), report.text().c_str());
            std::fflush(stdout);
        },
        Mapper::Times{.renew = std::chrono::seconds(2), .look_again = std::chrono::seconds(2)});
    int number = 0;
    sigwait(&ends, &number);
}
