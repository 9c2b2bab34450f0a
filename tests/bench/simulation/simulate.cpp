// SPDX-License-Identifier: GPL-3.0-or-later
// Delay against audible events in simulated time, for work on the playout: what a change does shows in seconds, and is
// not blurred by what else the machine does.
#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "common/base/error.hpp"
#include "tests/bench/simulation/chain.hpp"

namespace {

using namespace matriz;

constexpr const char* usage =
    R"(simulate [KEY=VALUE...]: one line of figures for the whole way of the sound, in simulated time
  codec=opus|opus-custom|pcm16|…  signal=tone|string|speech  seconds=60  warm-up=20  seed=1
  link=delay=10,jitter=exp:1,loss=1 (netlab's settings)  then=SETTINGS (that change after the warm-up)  red=N  distance=N  bitrate=N  expected-loss=N  period=64
  min=MS  max=MS (bounds of the delay)  price=N  phase=MS  stall-every=S  stall=MS  verbose=1
  xruns=sender|receiver|both  xrun-every=S  xrun=MS (means)  xruns-told=0|1|found (packets' times
  tell of the sender's: not, at once, or as a node finds them out)
)";

std::map<std::string, std::string> parse(int argc, char** argv) {
    std::map<std::string, std::string> values;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        const auto at = argument.find('=');
        if (at == std::string::npos) throw Error("{}: KEY=VALUE is wanted\n{}", argument, usage);
        values[argument.substr(0, at)] = argument.substr(at + 1);
    }
    return values;
}

class Settings {
  public:
    explicit Settings(std::map<std::string, std::string> values) : values_(std::move(values)) {}
    std::string text(const std::string& key, const std::string& otherwise) {
        const auto found = values_.extract(key);
        return found.empty() ? otherwise : found.mapped();
    }
    double number(const std::string& key, double otherwise) {
        const auto found = values_.extract(key);
        return found.empty() ? otherwise : std::stod(found.mapped());
    }
    int whole(const std::string& key, int otherwise) { return static_cast<int>(number(key, otherwise)); }
    void finish() const {
        if (!values_.empty()) throw Error("{}: not known\n{}", values_.begin()->first, usage);
    }

  private:
    std::map<std::string, std::string> values_;
};

netlab::Conditions conditions(const std::string& text, netlab::Conditions link = {}) {
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find(',', at), text.size());
        netlab::apply_setting(link, text.substr(at, end - at));
        at = end + 1;
    }
    return link;
}

bench::Chain::Setup::Xruns xruns_from(const std::string& text) {
    using Xruns = bench::Chain::Setup::Xruns;
    static const std::map<std::string, Xruns> known{
        {"none", Xruns::none}, {"sender", Xruns::sender}, {"receiver", Xruns::receiver}, {"both", Xruns::both}};
    const auto found = known.find(text);
    if (found == known.end()) throw Error("xruns={}: not known\n{}", text, usage);
    return found->second;
}

bench::Chain::Setup::Told told_from(const std::string& text) {
    using Told = bench::Chain::Setup::Told;
    static const std::map<std::string, Told> known{{"0", Told::no}, {"1", Told::at_once}, {"found", Told::found}};
    const auto found = known.find(text);
    if (found == known.end()) throw Error("xruns-told={}: not known\n{}", text, usage);
    return found->second;
}

bench::Chain::Setup setup_from(Settings& settings) {
    bench::Chain::Setup setup;
    const auto codec = dsp::codec_from_name(settings.text("codec", "pcm16"));
    if (!codec) throw Error("no such codec\n{}", usage);
    setup.codec = *codec;
    setup.signal = probe::parse_background(settings.text("signal", "tone"));
    setup.link = conditions(settings.text("link", "delay=10,jitter=exp:1,loss=1"));
    setup.redundancy = settings.whole("red", 0);
    setup.distance = settings.whole("distance", 1);
    setup.bitrate = settings.whole("bitrate", 0);
    setup.expected_loss = settings.whole("expected-loss", 2);
    setup.period = settings.whole("period", 64);
    setup.seed = static_cast<std::uint32_t>(settings.whole("seed", 1));
    setup.phase = settings.number("phase", 0) * 1e-3;
    setup.stall_every = settings.number("stall-every", 0);
    setup.stall_length = settings.number("stall", 3) * 1e-3;
    setup.xruns = xruns_from(settings.text("xruns", "none"));
    setup.xrun_every = settings.number("xrun-every", setup.xrun_every);
    setup.xrun_length = settings.number("xrun", setup.xrun_length * 1e3) * 1e-3;
    setup.xruns_told = told_from(settings.text("xruns-told", "0"));
    setup.playout.min_delay = std::chrono::microseconds(static_cast<int>(settings.number("min", 0) * 1e3));
    setup.playout.max_delay = std::chrono::microseconds(static_cast<int>(settings.number("max", 200) * 1e3));
    setup.playout.gap_price = settings.number("price", setup.playout.gap_price);
    return setup;
}

void run(Settings settings) {
    const auto setup = setup_from(settings);
    const double warm_up = settings.number("warm-up", 20);
    const double seconds = settings.number("seconds", 60);
    const auto then = conditions(settings.text("then", ""), setup.link);
    const bool verbose = settings.whole("verbose", 0) != 0;
    settings.finish();

    bench::Chain chain(setup);
    chain.run(warm_up);
    chain.heard();
    const auto before = chain.metrics();
    if (then != setup.link) chain.change_link(then);
    int events = 0;
    double judged = 0;
    double dropout = 0;
    std::vector<double> latencies;
    double delay = 0;
    double target = 0;
    for (int second = 0; second < static_cast<int>(seconds); ++second) {
        chain.run(1);
        const auto heard = chain.heard();
        const auto m = chain.metrics();
        events += heard.glitches.events;
        judged += heard.glitches.seconds;
        dropout = std::max(dropout, heard.glitches.longest_dropout);
        if (heard.latency_ms) latencies.push_back(*heard.latency_ms);
        delay += m.delay_ms / seconds;
        target += m.target_ms / seconds;
        if (verbose)
            fmt::print("  {:3d} s: latency {:.2f} delay {:.2f} target {:.2f} jitter {:.2f} late {} events {}\n", second,
                       heard.latency_ms.value_or(0), m.delay_ms, m.target_ms, m.jitter_ms, m.late - before.late,
                       heard.glitches.events);
    }
    std::sort(latencies.begin(), latencies.end());
    const auto m = chain.metrics();
    const double minutes = seconds / 60;
    fmt::print(
        "latency {:.2f} ({:.2f}…{:.2f}) delay {:.2f} target {:.2f} | a minute: events {:.1f} late {:.0f} lost {:.0f} "
        "recovered {:.0f} gaps {:.0f} concealed {:.0f} ms jumps {:.1f} | drop-out {:.0f} ms\n",
        latencies.empty() ? 0 : latencies[latencies.size() / 2], latencies.empty() ? 0 : latencies.front(),
        latencies.empty() ? 0 : latencies.back(), delay, target, judged > 0 ? 60 * events / judged : 0,
        static_cast<double>(m.late - before.late) / minutes, static_cast<double>(m.lost - before.lost) / minutes,
        static_cast<double>(m.recovered - before.recovered) / minutes,
        static_cast<double>(m.concealed - before.concealed) / minutes, (m.concealed_ms - before.concealed_ms) / minutes,
        static_cast<double>(m.jumps - before.jumps) / minutes, dropout * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        run(Settings(parse(argc, argv)));
        return EXIT_SUCCESS;
    } catch (const std::exception& error) {
        fmt::print(stderr, "simulate: {}\n", matriz::describe(error));
        return EXIT_FAILURE;
    }
}
