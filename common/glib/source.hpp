// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace matriz::glib {

/// A callback of a GMainContext that ends with its owner: a timer, an idle call, a UNIX signal. Runs on the thread that
/// iterates the context (the default one unless said otherwise); make and destroy it on that same thread. A callback
/// may destroy its own Source. Callbacks must not throw.
class Source {
  public:
    using Callback = std::function<void()>;

    Source() = default;
    Source(Source&& other) noexcept : source_(std::exchange(other.source_, nullptr)) {}
    Source& operator=(Source&& other) noexcept {
        if (this != &other) {
            cancel();
            source_ = std::exchange(other.source_, nullptr);
        }
        return *this;
    }
    ~Source() { cancel(); }

    /// Calls every `interval` until cancelled.
    static Source every(std::chrono::milliseconds interval, Callback callback, GMainContext* context = nullptr);
    /// Calls once after `delay`.
    static Source after(std::chrono::milliseconds delay, Callback callback, GMainContext* context = nullptr);
    /// Calls each time the process gets `signum` (see g_unix_signal_source_new() for which are allowed).
    static Source on_signal(int signum, Callback callback, GMainContext* context = nullptr);

    /// Calls each time `fd` has something to read, or has ended, until cancelled. `fd` stays the caller's.
    static Source on_readable(int fd, Callback callback, GMainContext* context = nullptr);

    void cancel();
    bool active() const { return source_ != nullptr && !g_source_is_destroyed(source_); }

  private:
    explicit Source(GSource* source) : source_(source) {}
    static Source attach(GSource* source, Callback callback, bool repeat, GMainContext* context);
    GSource* source_ = nullptr;
};

/// Runs `callback` once on the thread that iterates `context` (default: the main one). Safe to call from any thread but
/// the audio thread; it never runs the callback before returning.
void post(std::function<void()> callback, GMainContext* context = nullptr);

}  // namespace matriz::glib
