// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/netlab/exchange.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/error.hpp"

namespace matriz::netlab {
namespace {

constexpr std::size_t batch = 64;  // packets read from one host before due ones are sent again

void add_to(int poll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    checked(epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event), "watch a descriptor");
}

/// The destination of an IPv4 packet, 0 for anything else.
std::uint32_t destination(const std::uint8_t* packet, std::size_t size) noexcept {
    if (size < 20 || packet[0] >> 4 != 4) return 0;
    return static_cast<std::uint32_t>(packet[16]) << 24 | static_cast<std::uint32_t>(packet[17]) << 16 |
           static_cast<std::uint32_t>(packet[18]) << 8 | packet[19];
}

}  // namespace

Exchange::Exchange(const Spec& spec) : spec_(spec) {
    const std::size_t n = spec.hosts.size();
    for (std::size_t i = 0; i < n; ++i) hosts_.push_back(make_host(spec.network + static_cast<std::uint32_t>(i) + 1));
    for (std::size_t from = 0; from < n; ++from)
        for (std::size_t to = 0; to < n; ++to)
            impairments_.emplace_back(spec_.links[{from, to}], spec.seed * 1'000'003 + direction(from, to));
    lateness_.resize(n * n);
    for (int i = 0; i < 4096; ++i) {  // so that no page is touched for the first time while packets wait
        packets_.push_back(std::make_unique<Packet>());
        free_.push_back(packets_.size() - 1);
    }
    poll_ = Fd(checked(epoll_create1(EPOLL_CLOEXEC), "make an epoll"));
    timer_ = Fd(checked(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "make a timer"));
    add_to(poll_.get(), timer_.get());
    for (const Host& host : hosts_) add_to(poll_.get(), host.tunnel.get());
}

Time Exchange::now() const noexcept { return std::chrono::steady_clock::now() - start_; }

void Exchange::change(std::string_view line) {
    for (const auto& [from, to] : apply_link(spec_, line))
        impairments_[direction(from, to)].change(spec_.links[{from, to}]);
}

void Exchange::watch(int fd, std::function<void()> handler) {
    add_to(poll_.get(), fd);
    handlers_.emplace_back(fd, std::move(handler));
}

void Exchange::unwatch(int fd) {
    epoll_ctl(poll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    std::erase_if(handlers_, [fd](const auto& entry) { return entry.first == fd; });
}

std::size_t Exchange::take_buffer() {
    if (free_.empty()) {
        packets_.push_back(std::make_unique<Packet>());
        return packets_.size() - 1;
    }
    const std::size_t index = free_.back();
    free_.pop_back();
    return index;
}

void Exchange::receive(std::size_t from) {
    for (std::size_t i = 0; i < batch; ++i) {
        const std::size_t index = take_buffer();
        Packet& packet = *packets_[index];
        const ssize_t size = read(hosts_[from].tunnel.get(), packet.bytes.data(), packet.bytes.size());
        const Time arrived = now();
        if (size <= 0) {
            free_.push_back(index);
            return;
        }
        packet.size = static_cast<std::size_t>(size);
        const std::uint32_t to = destination(packet.bytes.data(), packet.size) - spec_.network - 1;
        if (to >= hosts_.size() || to == from) {
            ++stray_;
            free_.push_back(index);
            continue;
        }
        schedule(from, to, index, arrived);
    }
}

void Exchange::schedule(std::size_t from, std::size_t to, std::size_t packet, Time arrived) {
    const Departures leaves = impairments_[direction(from, to)].offer(arrived, packets_[packet]->size);
    if (leaves.count == 0) free_.push_back(packet);
    for (std::size_t i = 0; i < leaves.count; ++i) {
        std::size_t index = packet;
        if (i > 0) {
            index = take_buffer();
            *packets_[index] = *packets_[packet];
        }
        departures_.push({leaves.at[i], next_number_++, from, to, index});
    }
}

void Exchange::send(const Departure& departure) {
    const Packet& packet = *packets_[departure.packet];
    Lateness& lateness = lateness_[direction(departure.from, departure.to)];
    if (write(hosts_[departure.to].tunnel.get(), packet.bytes.data(), packet.size) < 0) ++lateness.refused;
    const std::int64_t late = (now() - departure.at).count();
    ++lateness.sent;
    lateness.sum_ns += late;
    lateness.most_ns = std::max(lateness.most_ns, late);
    if (late > 100'000) ++lateness.beyond_100us;
    free_.push_back(departure.packet);
}

void Exchange::send_due() {
    while (!departures_.empty() && departures_.top().at <= now()) {
        const Departure departure = departures_.top();
        departures_.pop();
        send(departure);
    }
}

void Exchange::arm_timer() {
    if (departures_.empty() || departures_.top().at == armed_for_) return;
    armed_for_ = departures_.top().at;
    const auto at = (start_.time_since_epoch() + armed_for_).count();
    itimerspec when{};
    when.it_value.tv_sec = at / 1'000'000'000;
    when.it_value.tv_nsec = at % 1'000'000'000;
    checked(timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr), "set the timer");
}

void Exchange::run() {
    std::array<epoll_event, 32> events{};
    while (running_) {
        arm_timer();
        const int ready = epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), -1);
        if (ready < 0 && errno != EINTR) checked(ready, "wait for packets");
        send_due();
        for (int i = 0; i < ready; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == timer_.get()) {
                std::uint64_t expirations = 0;
                [[maybe_unused]] const ssize_t got = read(fd, &expirations, sizeof expirations);
                armed_for_ = Time{-1};
                continue;
            }
            const auto host =
                std::find_if(hosts_.begin(), hosts_.end(), [fd](const Host& h) { return h.tunnel.get() == fd; });
            if (host != hosts_.end()) {
                receive(static_cast<std::size_t>(host - hosts_.begin()));
                continue;
            }
            const auto handler =
                std::find_if(handlers_.begin(), handlers_.end(), [fd](const auto& h) { return h.first == fd; });
            if (handler != handlers_.end()) {
                const auto call = handler->second;  // it may unwatch itself
                call();
            }
        }
        send_due();
    }
}

std::string Exchange::statistics() const {
    std::string out = fmt::format(R"({{"seconds":{:.3f},"stray":{},"directions":[)",
                                  std::chrono::duration<double>(now()).count(), stray_);
    bool first = true;
    for (std::size_t from = 0; from < hosts_.size(); ++from) {
        for (std::size_t to = 0; to < hosts_.size(); ++to) {
            const ImpairmentCounts& c = impairments_[direction(from, to)].counts();
            if (c.offered == 0) continue;
            const Lateness& late = lateness_[direction(from, to)];
            const double mean = late.sent > 0 ? static_cast<double>(late.sum_ns) / static_cast<double>(late.sent) : 0;
            out += fmt::format(
                R"({}{{"from":"{}","to":"{}","conditions":"{}","offered":{},"sent":{},"lost":{},"dropped":{},"duplicated":{},)"
                R"("reordered":{},"refused":{},"late_mean_us":{:.1f},"late_max_us":{:.1f},"late_beyond_100us":{}}})",
                first ? "" : ",", spec_.hosts[from], spec_.hosts[to],
                to_string(impairments_[direction(from, to)].conditions()), c.offered, late.sent, c.lost, c.dropped,
                c.duplicated, c.reordered, late.refused, mean / 1e3, static_cast<double>(late.most_ns) / 1e3,
                late.beyond_100us);
            first = false;
        }
    }
    return out + "]}";
}

}  // namespace matriz::netlab
