// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/base/log.hpp"

#include <fmt/chrono.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iterator>

namespace matriz::log {
namespace {

std::atomic<Level> threshold{Level::info};
std::atomic<Format> chosen_format{std::getenv("JOURNAL_STREAM") != nullptr ? Format::journal : Format::text};

constexpr std::string_view name(Level level) {
    switch (level) {
        case Level::error:
            return "error";
        case Level::warning:
            return "warning";
        case Level::info:
            return "info";
        case Level::debug:
            return "debug";
    }
    return "?";
}

/// syslog priorities, as sd-daemon(3) has them.
constexpr int priority(Level level) {
    switch (level) {
        case Level::error:
            return 3;
        case Level::warning:
            return 4;
        case Level::info:
            return 6;
        case Level::debug:
            return 7;
    }
    return 6;
}

/// Bytes of the UTF-8 character at the beginning of `text` (RFC 3629); 0: they are none, or a control character.
std::size_t printable_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return first < 0x20 || first == 0x7f ? 0 : 1;
    const std::size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    const unsigned char second = byte(1);
    const bool control = first == 0xc2 && second < 0xa0;
    const bool too_long = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool no_character = (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
    return control || too_long || no_character ? 0 : length;
}

/// Text from the network may end up in a log line: control characters must not forge lines or move a terminal's cursor,
/// and what reads the log expects UTF-8.
void append_printable(std::string& line, std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = printable_length(text);
        if (length == 0)
            fmt::format_to(std::back_inserter(line), "\\x{:02x}", static_cast<unsigned char>(text.front()));
        else
            line += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
}

void append_json(std::string& line, std::string_view text) {
    line += '"';
    while (!text.empty()) {
        const std::size_t length = printable_length(text);
        const auto byte = static_cast<unsigned char>(text.front());
        if (length == 0 && byte < 0x80)
            fmt::format_to(std::back_inserter(line), "\\u{:04x}", byte);
        else if (length == 0)
            line += "\\ufffd";  // the replacement character
        else if (byte == '"' || byte == '\\')
            (line += '\\') += text.front();
        else
            line += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    line += '"';
}

std::string format_line(Level level, std::string_view subject, std::string_view message) {
    using namespace std::chrono;
    const auto now = time_point_cast<milliseconds>(system_clock::now());
    const auto millis = now.time_since_epoch().count() % 1000;
    const std::time_t seconds = system_clock::to_time_t(now);
    std::string line;
    switch (chosen_format.load(std::memory_order_relaxed)) {
        case Format::text:
            line = fmt::format("{:%H:%M:%S}.{:03} {:<7} ", fmt::localtime(seconds), millis, name(level));
            append_printable(line, subject);
            line += ": ";
            append_printable(line, message);
            break;
        case Format::journal:
            line = fmt::format("<{}>", priority(level));
            append_printable(line, subject);
            line += ": ";
            append_printable(line, message);
            break;
        case Format::json:
            line = fmt::format(R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:03}Z","level":"{}","subject":)",
                               fmt::gmtime(seconds), millis, name(level));
            append_json(line, subject);
            line += R"(,"message":)";
            append_json(line, message);
            line += '}';
            break;
    }
    line += '\n';
    return line;
}

}  // namespace

void set_level(Level level) { threshold.store(level, std::memory_order_relaxed); }
void set_format(Format format) { chosen_format.store(format, std::memory_order_relaxed); }
bool enabled(Level level) noexcept { return level <= threshold.load(std::memory_order_relaxed); }

void write(Level level, std::string_view subject, std::string_view message) noexcept {
    if (!enabled(level)) return;
    try {
        const std::string line = format_line(level, subject, message);
        // One write a line keeps lines of different threads whole (POSIX: atomic up to PIPE_BUF on pipes).
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
    } catch (...) {
    }
}

}  // namespace matriz::log
