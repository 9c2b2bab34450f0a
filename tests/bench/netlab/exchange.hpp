// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "tests/bench/netlab/fd.hpp"
#include "tests/bench/netlab/host.hpp"
#include "tests/bench/netlab/impairment.hpp"
#include "tests/bench/netlab/spec.hpp"

namespace matriz::netlab {

/// The wire between the hosts: takes packets from each host's tunnel, and puts them into the receiver's at the time
/// that the direction's Impairment says. One thread, which wants real-time priority.
class Exchange {
  public:
    explicit Exchange(const Spec& spec);

    const Host& host(std::size_t index) const { return hosts_.at(index); }
    const Spec& spec() const noexcept { return spec_; }
    /// A "link …" or "both …" line. Throws Error.
    void change(std::string_view line);
    /// One JSON object: per direction what was offered, lost…, and how late packets were put out against plan.
    std::string statistics() const;

    /// The descriptor whose readability `handler` is called for, within run().
    void watch(int fd, std::function<void()> handler);
    void unwatch(int fd);
    void run();
    void stop() noexcept { running_ = false; }

  private:
    static constexpr std::size_t most_bytes = 2048;
    struct Packet {
        std::array<std::uint8_t, most_bytes> bytes;
        std::size_t size = 0;
    };
    struct Departure {
        Time at{0};
        std::uint64_t number = 0;  // what leaves at the same time keeps its order
        std::size_t from = 0;
        std::size_t to = 0;
        std::size_t packet = 0;  // index into packets_
        bool operator>(const Departure& other) const noexcept {
            return at != other.at ? at > other.at : number > other.number;
        }
    };
    struct Lateness {
        std::uint64_t sent = 0;
        std::uint64_t refused = 0;  // the receiver's tunnel did not take it
        std::int64_t sum_ns = 0;
        std::int64_t most_ns = 0;
        std::uint64_t beyond_100us = 0;
    };
    std::size_t direction(std::size_t from, std::size_t to) const noexcept { return from * hosts_.size() + to; }
    Time now() const noexcept;
    void receive(std::size_t from);
    void schedule(std::size_t from, std::size_t to, std::size_t packet, Time arrived);
    void send_due();
    void send(const Departure& departure);
    std::size_t take_buffer();
    void arm_timer();

    Spec spec_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    std::vector<Host> hosts_;
    std::vector<Impairment> impairments_;  // by direction()
    std::vector<Lateness> lateness_;       // by direction()
    std::vector<std::unique_ptr<Packet>> packets_;
    std::vector<std::size_t> free_;
    std::priority_queue<Departure, std::vector<Departure>, std::greater<>> departures_;
    std::uint64_t next_number_ = 0;
    std::uint64_t stray_ = 0;  // packets to no host of the network
    std::vector<std::pair<int, std::function<void()>>> handlers_;
    Fd poll_;
    Fd timer_;
    Time armed_for_{-1};
    bool running_ = true;
};

}  // namespace matriz::netlab
