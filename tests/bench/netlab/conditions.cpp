// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/netlab/conditions.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <vector>

#include "common/base/error.hpp"

namespace matriz::netlab {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

/// A number in least…greatest.
double number(std::string_view setting, std::string_view text, double least, double greatest) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !(value >= least && value <= greatest))
        throw Error("{}: \"{}\" should be a number from {} to {}", setting, text, least, greatest);
    return value;
}

Duration milliseconds(std::string_view setting, std::string_view text) {
    return Duration{std::llround(number(setting, text, 0, 60'000) * 1e6)};
}

Jitter parse_jitter(std::string_view setting, std::string_view value) {
    const auto parts = split(value, ':');
    if (value == "none") return {};
    if (parts.size() == 2) {
        const Duration amount = milliseconds(setting, parts[1]);
        if (parts[0] == "const") return {JitterKind::constant, amount, {}, {}};
        if (parts[0] == "uniform") return {JitterKind::uniform, amount, {}, {}};
        if (parts[0] == "exp") return {JitterKind::exponential, amount, {}, {}};
    }
    if (parts.size() == 4 && parts[0] == "step") {
        const double seconds = number(setting, parts[3], 0.001, 1e6);
        return {JitterKind::stepped, milliseconds(setting, parts[1]), milliseconds(setting, parts[2]),
                Duration{std::llround(seconds * 1e9)}};
    }
    throw Error("{}: none, const:MS, uniform:MS, exp:MS or step:MS:MS:SECONDS is wanted", setting);
}

double ms(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }

std::string to_string(const Jitter& jitter) {
    switch (jitter.kind) {
        case JitterKind::none:
            return "none";
        case JitterKind::constant:
            return fmt::format("const:{}", ms(jitter.amount));
        case JitterKind::uniform:
            return fmt::format("uniform:{}", ms(jitter.amount));
        case JitterKind::exponential:
            return fmt::format("exp:{}", ms(jitter.amount));
        case JitterKind::stepped:
            return fmt::format("step:{}:{}:{}", ms(jitter.amount), ms(jitter.step_amount),
                               ms(jitter.step_length) / 1e3);
    }
    return "?";
}

}  // namespace

void apply_setting(Conditions& conditions, std::string_view setting) {
    const auto equals = setting.find('=');
    const std::string_view key = setting.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? std::string_view{} : setting.substr(equals + 1);
    const auto parts = split(value, ':');
    const auto percent = [&](std::string_view text) { return number(setting, text, 0, 100) / 100; };
    if (key == "delay") {
        conditions.delay = milliseconds(setting, value);
    } else if (key == "jitter") {
        conditions.jitter = parse_jitter(setting, value);
    } else if (key == "loss" && parts.size() <= 2) {
        const double burst = parts.size() == 2 ? number(setting, parts[1], 1, 10'000) : 1;
        conditions.loss = percent(parts[0]);
        conditions.burst = burst;
    } else if (key == "reorder" && parts.size() == 2) {
        const Duration by = milliseconds(setting, parts[1]);
        conditions.reorder = percent(parts[0]);
        conditions.reorder_by = by;
    } else if (key == "dup") {
        conditions.duplicate = percent(value);
    } else if (key == "rate" && parts.size() == 2) {
        const Duration queue = milliseconds(setting, parts[1]);
        conditions.rate = static_cast<std::uint64_t>(number(setting, parts[0], 0, 1e8) * 1000);
        conditions.queue = queue;
    } else {
        throw Error(
            "{}: not known; delay=MS, jitter=KIND:MS, loss=PERCENT[:BURST], reorder=PERCENT:MS, dup=PERCENT and "
            "rate=KBIT:QUEUE_MS are",
            setting);
    }
}

std::string to_string(const Conditions& c) {
    return fmt::format("delay={} jitter={} loss={}:{} reorder={}:{} dup={} rate={}:{}", ms(c.delay),
                       to_string(c.jitter), c.loss * 100, c.burst, c.reorder * 100, ms(c.reorder_by), c.duplicate * 100,
                       static_cast<double>(c.rate) / 1000, ms(c.queue));
}

}  // namespace matriz::netlab
