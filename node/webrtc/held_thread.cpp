// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/held_thread.hpp"

#include <latch>
#include <thread>

namespace matriz::webrtc {

struct HeldThread::Hold {
    const std::thread::id holder = std::this_thread::get_id();
    std::latch reached{1};
    std::latch released{1};
};

/// Statistics are what webrtcbin answers in any state, and it answers on its thread, with no lock held.
HeldThread::HeldThread(GstElement* webrtcbin) : hold_(std::make_shared<Hold>()) {
    using Held = std::shared_ptr<Hold>;
    const auto on_answer = [](GstPromise*, gpointer data) {
        Hold& hold = **static_cast<Held*>(data);
        hold.reached.count_down();
        // A webrtcbin that never started, or has stopped, has no thread and answers at once.
        if (std::this_thread::get_id() != hold.holder) hold.released.wait();
    };
    GstPromise* promise = gst_promise_new_with_change_func(on_answer, new Held(hold_),
                                                           [](gpointer data) { delete static_cast<Held*>(data); });
    g_signal_emit_by_name(webrtcbin, "get-stats", nullptr, promise);
    gst_promise_unref(promise);
    hold_->reached.wait();
}

HeldThread::~HeldThread() { hold_->released.count_down(); }

}  // namespace matriz::webrtc
