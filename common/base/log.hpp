// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace matriz::log {

enum class Level { error, warning, info, debug };

/// How lines are written on standard error.
enum class Format {
    text,     ///< "12:34:56.789 warning receiver porto: …", for a terminal or a file
    journal,  ///< "<4>receiver porto: …", with sd-daemon(3) priorities; chosen when $JOURNAL_STREAM is set
    json,     ///< one JSON object a line: time (ISO 8601, UTC), level, subject, message
};

/// Set once in main, before threads start.
void set_level(Level level);
void set_format(Format format);
bool enabled(Level level) noexcept;

/// Writes one line, whole, never interleaved with another thread's. Any thread but the audio thread.
void write(Level level, std::string_view subject, std::string_view message) noexcept;

/// A named voice in the log: who speaks ("emitter", "receiver porto"). Lines say what happened, what it means and what
/// happens next. Any thread but the audio thread.
class Logger {
  public:
    explicit Logger(std::string subject) : subject_(std::move(subject)) {}

    template <class... Args>
    void error(fmt::format_string<Args...> format, Args&&... args) const noexcept {
        print(Level::error, format, std::forward<Args>(args)...);
    }
    template <class... Args>
    void warning(fmt::format_string<Args...> format, Args&&... args) const noexcept {
        print(Level::warning, format, std::forward<Args>(args)...);
    }
    template <class... Args>
    void info(fmt::format_string<Args...> format, Args&&... args) const noexcept {
        print(Level::info, format, std::forward<Args>(args)...);
    }
    template <class... Args>
    void debug(fmt::format_string<Args...> format, Args&&... args) const noexcept {
        print(Level::debug, format, std::forward<Args>(args)...);
    }

    const std::string& subject() const noexcept { return subject_; }

  private:
    template <class... Args>
    void print(Level level, fmt::format_string<Args...> format, Args&&... args) const noexcept {
        if (!enabled(level)) return;
        try {
            write(level, subject_, fmt::format(format, std::forward<Args>(args)...));
        } catch (...) {  // out of memory while formatting: losing a log line must never stop the audio
        }
    }

    std::string subject_;
};

}  // namespace matriz::log
