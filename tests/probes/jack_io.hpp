// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <jack/jack.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <semaphore>
#include <string>
#include <vector>

#include "common/base/units.hpp"
#include "tests/probes/options.hpp"
#include "tests/probes/ring.hpp"
#include "tests/probes/signal.hpp"

namespace matriz::probe {

struct CloseJackClient {
    void operator()(jack_client_t* client) const noexcept { jack_client_close(client); }
};
using JackClient = std::unique_ptr<jack_client_t, CloseJackClient>;

/// Frame times of one client as 64 bits. The audio thread of that client.
class FrameClock {
  public:
    void start(jack_nframes_t now) noexcept { last_ = now; }
    std::int64_t extend(jack_nframes_t frame) noexcept {
        last_ += static_cast<std::int32_t>(frame - static_cast<jack_nframes_t>(last_));
        return last_;
    }

  private:
    std::int64_t last_ = 0;
};

/// One received block: `frames` samples of every receiving port, in order of the ports, follow in their rings.
struct Block {
    std::int64_t frame = 0;
    std::uint32_t frames = 0;
};

/// The probe's JACK side. Two clients, one that plays and one that listens: a single one would close a loop in JACK's
/// graph, which costs a period somewhere. The audio threads only copy.
class JackIo {
  public:
    /// Opens the clients; the signal starts with start(). Throws Error.
    explicit JackIo(const Options& options);
    ~JackIo();
    JackIo(const JackIo&) = delete;
    JackIo& operator=(const JackIo&) = delete;

    SampleRate rate() const noexcept { return rate_; }
    /// Plays loops[i] for group i. The loops must outlive this. Main thread, once.
    void start(const std::vector<Loop>& loops);
    /// The audio threads have left the loops when this returns. Main thread.
    void stop() noexcept;
    /// Makes the connections that are missing and possible now. Main thread.
    void connect_ports();
    /// Is the receiving port number `index` (over all groups) connected? Main thread.
    bool connected(std::size_t index) const;
    /// Waits at most `milliseconds` for something received. The worker thread.
    bool wait(int milliseconds);
    /// The next block of all receiving ports, false if there is none. `samples[i]` is port i's. The worker thread.
    bool read(Block& block, std::vector<std::vector<float>>& samples);

    int xruns() const noexcept { return xruns_.load(std::memory_order_relaxed); }
    bool gone() const noexcept { return gone_.load(std::memory_order_acquire); }
    /// Blocks that the worker was too slow to take. They show as gaps.
    int overruns() const noexcept { return overruns_.load(std::memory_order_relaxed); }

  private:
    struct Sender {
        jack_port_t* port = nullptr;
        const Loop* loop = nullptr;
        std::vector<std::string> targets;
    };
    struct Receiver {
        Receiver(jack_port_t* own, std::string from) : port(own), source(std::move(from)), ring(1U << 17) {}
        jack_port_t* port;
        std::string source;
        Ring<float> ring;
    };
    JackClient open(const std::string& name, const std::string& server) const;
    void play(jack_nframes_t frames) noexcept;
    void listen(jack_nframes_t frames) noexcept;
    void connect(jack_client_t* client, const jack_port_t* own, const char* other, bool to_other) const;

    SampleRate rate_;
    std::vector<Sender> senders_;
    std::deque<Receiver> receivers_;  // a Ring does not move
    Ring<Block> blocks_{4096};
    std::counting_semaphore<> received_{0};
    std::atomic<int> xruns_{0};
    std::atomic<int> overruns_{0};
    std::atomic<bool> gone_{false};
    FrameClock play_clock_;    // audio thread of out_
    FrameClock listen_clock_;  // audio thread of in_
    JackClient out_;           // last: closed before what their threads use goes
    JackClient in_;
};

}  // namespace matriz::probe
