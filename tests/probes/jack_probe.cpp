// SPDX-License-Identifier: GPL-3.0-or-later
// Measures latency and health of the sound between JACK ports; see `usage` in options.cpp.
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "common/base/error.hpp"
#include "tests/probes/analyser.hpp"
#include "tests/probes/jack_io.hpp"
#include "tests/probes/onset.hpp"
#include "tests/probes/options.hpp"
#include "tests/probes/report.hpp"

namespace matriz::probe {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto connect_every = std::chrono::milliseconds(100);

/// The worker: takes what the audio thread received, and analyses it.
class Worker {
  public:
    Worker(JackIo& jack, const Options& options, const std::vector<Loop>& loops) : jack_(jack), options_(options) {
        for (std::size_t g = 0; g < options.groups.size(); ++g) {
            Correlator& correlator = correlators_.emplace_back(loops[g]);
            for (const ReceiveSpec& receive : options.groups[g].receive) {
                analysers_.emplace_back(loops[g], correlator);
                onsets_.push_back({options.groups[g].name, receive.label, Onset(jack.rate())});
            }
        }
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    }
    /// One for each receiving port: what was heard since the last call. Main thread.
    std::vector<Heard> take() {
        const std::lock_guard guard(lock_);
        std::vector<Heard> all;
        for (Analyser& analyser : analysers_) all.push_back(analyser.take());
        return all;
    }

  private:
    void run(const std::stop_token& stop) {
        Block block;
        std::vector<std::vector<float>> samples;
        int xruns = jack_.xruns() + jack_.overruns();
        while (!stop.stop_requested()) {
            jack_.wait(100);
            while (jack_.read(block, samples)) {
                const std::lock_guard guard(lock_);
                const bool disturbed = std::exchange(xruns, jack_.xruns() + jack_.overruns()) != xruns;
                for (std::size_t i = 0; i < samples.size(); ++i) {
                    if (disturbed) analysers_[i].disturbed(block.frame);
                    analysers_[i].push(block.frame, samples[i]);
                    if (onsets_[i].onset.push(samples[i]) && options_.json) tell(onsets_[i]);
                }
            }
        }
    }

    struct PortOnset {
        std::string group;
        std::string label;
        Onset onset;
    };
    static void tell(const PortOnset& port) {
        const std::chrono::duration<double> now = Clock::now().time_since_epoch();  // CLOCK_MONOTONIC
        fmt::print("{}\n", onset_json(port.group, port.label, now.count()));
        std::fflush(stdout);
    }

    JackIo& jack_;
    const Options& options_;
    std::deque<Correlator> correlators_;
    std::mutex lock_;
    std::deque<Analyser> analysers_;  // under lock_ once the thread runs
    std::vector<PortOnset> onsets_;   // the thread's, one for each analyser
    std::jthread thread_;
};

class Probe {
  public:
    explicit Probe(const Options& options)
        : options_(options), jack_(options), loops_(make_loops()), worker_(jack_, options_, loops_) {
        for (const GroupSpec& group : options.groups)
            for (const ReceiveSpec& receive : group.receive) {
                rows_.push_back({group.name, receive.label, receive.port, false, {}, 0});
                totals_.emplace_back();
            }
    }

    ~Probe() { jack_.stop(); }
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;

    int run(const sigset_t& signals) {
        jack_.start(loops_);
        const auto started = Clock::now();
        auto next_report = started + seconds(options_.interval);
        const auto end = options_.seconds ? started + seconds(*options_.seconds) : Clock::time_point::max();
        for (;;) {
            if (jack_.gone()) throw Error("the JACK server went away");
            jack_.connect_ports();
            const auto wake = std::min({Clock::now() + connect_every, next_report, end});
            const bool stop = wait_for_signal(signals, wake) || Clock::now() >= end;
            const double elapsed = std::chrono::duration<double>(Clock::now() - started).count();
            if (stop || Clock::now() >= next_report) report(elapsed);
            if (stop) return summary(elapsed);
            while (next_report <= Clock::now()) next_report += seconds(options_.interval);
        }
    }

  private:
    std::vector<Loop> make_loops() const {
        std::vector<Loop> loops;
        for (std::size_t g = 0; g < options_.groups.size(); ++g)
            loops.push_back(make_loop(options_.signal, jack_.rate(), static_cast<int>(g)));
        return loops;
    }
    static Clock::duration seconds(double s) {
        return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
    }

    static bool wait_for_signal(const sigset_t& signals, Clock::time_point until) {
        const auto left = std::max(until - Clock::now(), Clock::duration::zero());
        const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
        const timespec timeout{whole.count(), static_cast<long>(std::chrono::nanoseconds(left - whole).count())};
        return sigtimedwait(&signals, nullptr, &timeout) > 0;
    }

    void report(double elapsed) {
        const std::vector<Heard> heard = worker_.take();
        const int xruns = jack_.xruns() + jack_.overruns();
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            rows_[i].heard = heard[i];
            rows_[i].connected = jack_.connected(i);
            rows_[i].xruns = xruns - reported_xruns_;
            totals_[i].add(rows_[i]);
            if (options_.json) fmt::print("{}\n", to_json(rows_[i], "interval", elapsed));
        }
        reported_xruns_ = xruns;
        if (!options_.json) {
            if (isatty(STDOUT_FILENO) && shown_) fmt::print("\x1b[{}A\x1b[J", rows_.size() + 1);
            fmt::print("{}", to_table(rows_, elapsed));
            shown_ = true;
        }
        std::fflush(stdout);
    }

    int summary(double elapsed) {
        std::vector<Row> rows;
        bool all_heard = true;
        for (const Totals& total : totals_) {
            rows.push_back(total.row());
            all_heard = all_heard && total.ever_heard();
            if (options_.json) fmt::print("{}\n", to_json(rows.back(), "total", elapsed));
        }
        if (!options_.json) fmt::print("\nthe whole run\n{}", to_table(rows, elapsed));
        std::fflush(stdout);
        return all_heard ? 0 : 1;
    }

    const Options& options_;
    JackIo jack_;
    std::vector<Loop> loops_;
    Worker worker_;
    std::vector<Row> rows_;
    std::vector<Totals> totals_;
    int reported_xruns_ = 0;
    bool shown_ = false;
};

int run(int argc, char** argv) {
    Options options;
    try {
        options = parse_options({argv + 1, static_cast<std::size_t>(argc - 1)});
    } catch (const std::exception& error) {
        fmt::print(stderr, "jack_probe: {}\n", describe(error));
        return 2;
    }
    if (options.help) {
        fmt::print("{}", usage);
        return 0;
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread: all are taken by wait_for_signal
    try {
        return Probe(options).run(signals);
    } catch (const std::exception& error) {
        fmt::print(stderr, "jack_probe: {}\n", describe(error));
        return 3;
    }
}

}  // namespace
}  // namespace matriz::probe

int main(int argc, char** argv) { return matriz::probe::run(argc, argv); }
