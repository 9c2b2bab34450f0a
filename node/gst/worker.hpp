// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "common/glib/ref.hpp"

namespace matriz::gst {

/// A thread that iterates a GMainContext of its own, for work that may block for a while (state changes, opening JACK)
/// and must not hold up the main loop. Made and destroyed on one thread; destroying it runs what was posted,
/// and what that posted in turn, then joins.
class Worker {
  public:
    /// `name`: at most 15 characters, as the kernel has it.
    explicit Worker(const std::string& name);
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker();

    /// Runs `task` on the thread, after what was posted before. Any thread but the audio thread.
    void post(std::function<void()> task);
    /// Runs `task` on the thread and waits for it; rethrows what it throws. Not from the thread itself.
    void run(const std::function<void()>& task);

    GMainContext* context() const { return context_.get(); }

  private:
    glib::Ref<GMainContext> context_;
    glib::Ref<GMainLoop> loop_;
    std::thread thread_;
};

}  // namespace matriz::gst
