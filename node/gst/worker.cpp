// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/gst/worker.hpp"

#include <pthread.h>

#include <exception>
#include <future>
#include <utility>

#include "common/glib/source.hpp"

namespace matriz::gst {
namespace {

constexpr int most_rounds = 64;  ///< at the end; a source that is always ready must not hold it up

}  // namespace

Worker::Worker(const std::string& name)
    : context_(glib::Ref<GMainContext>::adopt(g_main_context_new())),
      loop_(glib::Ref<GMainLoop>::adopt(g_main_loop_new(context_.get(), FALSE))),
      thread_([this] {
          g_main_context_push_thread_default(context_.get());
          g_main_loop_run(loop_.get());
          // What the last tasks have posted in turn; left there, it and what it holds could keep the context for ever.
          for (int left = most_rounds; left > 0 && g_main_context_iteration(context_.get(), FALSE) != FALSE;) --left;
          g_main_context_pop_thread_default(context_.get());
      }) {
    pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

Worker::~Worker() {
    // Quitting is itself a task: it comes after all that was posted, and cannot be lost before the loop runs.
    post([this] { g_main_loop_quit(loop_.get()); });
    thread_.join();
}

void Worker::post(std::function<void()> task) { glib::post(std::move(task), context_.get()); }

void Worker::run(const std::function<void()>& task) {
    std::promise<void> done;
    post([&] {
        try {
            task();
            done.set_value();
        } catch (...) {
            done.set_exception(std::current_exception());
        }
    });
    done.get_future().get();
}

}  // namespace matriz::gst
