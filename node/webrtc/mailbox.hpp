// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <mutex>
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
        Owner* owner;      ///< only on the object's thread; null after its end
        std::mutex mutex;  ///< guards the two below
        /// Nothing after the object's end: a context that is not iterated any more keeps what is posted to it, and that
        /// keeps this state. Were the context kept in turn, none of them would ever go.
        glib::Ref<GMainContext> context;
        int waiting = 0;
    };

  public:
    static constexpr int limit = 256;

    /// What other threads hold.
    class Address {
      public:
        /// Any thread; waits for nothing but another post(). False when it was dropped.
        bool post(std::function<void(Owner&)> task) const {
            const std::lock_guard lock(state_->mutex);
            if (!state_->context || state_->waiting >= limit) return false;
            glib::post(
                [state = state_, task = std::move(task)] {
                    {
                        const std::lock_guard taken(state->mutex);
                        --state->waiting;
                    }
                    if (state->owner != nullptr) task(*state->owner);
                },
                state_->context.get());
            ++state_->waiting;
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

    void close() {
        state_->owner = nullptr;
        glib::Ref<GMainContext> context;  // what may go with it goes without the lock
        const std::lock_guard lock(state_->mutex);
        std::swap(context, state_->context);
    }
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
