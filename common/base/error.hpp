// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <fmt/format.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

namespace matriz {

/// A failure at setup or control time, with a sentence a user can act on. Never thrown from a callback of GLib,
/// GStreamer or JACK: those are `noexcept`. Any thread.
class Error : public std::runtime_error {
  public:
    explicit Error(const std::string& message) : std::runtime_error(message) {}

    template <class... Args>
    explicit Error(fmt::format_string<Args...> format, Args&&... args)
        : std::runtime_error(fmt::format(format, std::forward<Args>(args)...)) {}
};

/// The whole chain of nested exceptions as one line, outermost context first: "start emitter: bind 10.0.0.1:8554:
/// Address already in use". Any thread.
std::string describe(const std::exception& error);

/// Rethrows the exception being handled, nested in an Error that says what was being done. Call it only in a catch
/// block.
[[noreturn]] void rethrow_in_context(const std::string& context);

}  // namespace matriz
