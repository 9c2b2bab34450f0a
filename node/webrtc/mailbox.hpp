// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "common/glib/ref.hpp"
#include "common/glib/source.hpp"

namespace matriz::webrtc {

/// Takes what other threads have to say to an object that lives on one thread, and runs it there; what comes after the
/// object's end is dropped, and so is what comes faster than it is handled. Made and destroyed on the object's thread.
template <class Owner>
class Mailbox {
    struct State {
        State(Owner* object, GMainContext* its_context)
            : owner(object), context(glib::Ref<GMainContext>::share(its_context)) {}
        Owner* owner;  ///< only on the object's thread; null after its end
        glib::Ref<GMainContext> context;
        std::atomic<int> waiting{0};
    };

  public:
    static constexpr int limit = 256;

    /// What other threads hold.
    class Address {
      public:
        /// Any thread; never waits. False when it was dropped.
        bool post(std::function<void(Owner&)> task) const {
            if (state_->waiting.fetch_add(1) >= limit) {
                --state_->waiting;
                return false;
            }
            glib::post(
                [state = state_, task = std::move(task)] {
                    --state->waiting;
                    if (state->owner != nullptr) task(*state->owner);
                },
                state_->context.get());
            return true;
        }

      private:
        friend class Mailbox;
        explicit Address(std::shared_ptr<State> state) : state_(std::move(state)) {}
        std::shared_ptr<State> state_;
    };

    Mailbox(Owner& owner, GMainContext* context) : state_(std::make_shared<State>(&owner, context)) {}
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    ~Mailbox() { close(); }

    void close() { state_->owner = nullptr; }
    Address address() const { return Address(state_); }

  private:
    std::shared_ptr<State> state_;
};

/// Connects a signal to `callback`, which gets its own copy of `data` as the last argument, a `Data*`: it may be called
/// on any thread, as long as the instance lives.
template <class Data>
void connect_with(gpointer instance, const char* signal, GCallback callback, Data data) {
    g_signal_connect_data(
        instance, signal, callback, new Data(std::move(data)),
        [](gpointer held, GClosure*) { delete static_cast<Data*>(held); }, static_cast<GConnectFlags>(0));
}

}  // namespace matriz::webrtc
