// SPDX-License-Identifier: GPL-3.0-or-later
// Tells when the machine itself stood still: what no program on it can help, and none may be blamed for.
#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/error.hpp"

namespace matriz::bench {
namespace {

constexpr const char* usage =
    R"(usage: stalls [MS]   until SIGTERM: one JSON line for each time that a processor stood still for MS (1) or more
A thread on each processor, above all others (SCHED_FIFO, 98), wakes every half a millisecond, and tells when it came to
run later than that: "at", of the monotonic clock, is when it ran, "ms" by how much it was late. A standstill is told
half a millisecond too short at the most. Needs root (CAP_SYS_NICE).
)";

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;
constexpr std::chrono::microseconds interval{500};
constexpr int priority = 98;  // 99 is the kernel's own

std::vector<int> processors() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        throw Error("ask for the processors: {}", std::strerror(errno));
    std::vector<int> found;
    for (int n = 0; n < CPU_SETSIZE; ++n)
        if (CPU_ISSET(n, &allowed)) found.push_back(n);
    return found;
}

/// The calling thread, on that processor alone.
void watch(int processor, Clock::duration least) noexcept {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(processor, &only);
    pthread_setaffinity_np(pthread_self(), sizeof only, &only);
    for (auto due = Clock::now() + interval;;) {
        std::this_thread::sleep_until(due);
        const auto now = Clock::now();
        if (now - due >= least) {
            fmt::print("{{\"at\":{:.6f},\"processor\":{},\"ms\":{:.3f}}}\n", Seconds(now.time_since_epoch()).count(),
                       processor, 1e3 * Seconds(now - due).count());
            std::fflush(stdout);
        }
        due = std::max(due, now) + interval;
    }
}

[[noreturn]] void run(double least_ms) {
    sched_param parameters{};
    parameters.sched_priority = priority;
    if (sched_setscheduler(0, SCHED_FIFO, &parameters) != 0 || mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        throw Error("get real-time priority: {}", std::strerror(errno));
    const auto least = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(least_ms));
    for (const int processor : processors()) std::thread(watch, processor, least).detach();  // inherits the priority
    fmt::print("watching\n");
    std::fflush(stdout);
    for (;;) pause();
}

}  // namespace
}  // namespace matriz::bench

int main(int argc, char** argv) {
    const std::string_view argument = argc > 1 ? argv[1] : "1";
    char* end = nullptr;
    const double least = std::strtod(argument.data(), &end);
    if (argc > 2 || *end != '\0' || !(least > 0 && least < 1e6)) {
        fmt::print(stderr, "{}", matriz::bench::usage);
        return argument == "--help" || argument == "-h" ? EXIT_SUCCESS : 2;
    }
    try {
        matriz::bench::run(least);
    } catch (const std::exception& error) {
        fmt::print(stderr, "stalls: {}\n", matriz::describe(error));
        return EXIT_FAILURE;
    }
}
