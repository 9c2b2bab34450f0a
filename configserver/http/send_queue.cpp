// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/http/send_queue.hpp"

#include <algorithm>

namespace matriz::http {

SendQueue::Pushed SendQueue::push(Frame frame, Kind kind) {
    if (kind == Kind::picture && begun_ && waiting_.front().kind == Kind::picture) return Pushed::left_out;
    const auto begun = waiting_.begin() + (begun_ ? 1 : 0);
    if (kind == Kind::latest || kind == Kind::picture) {
        const auto older = std::find_if(begun, waiting_.end(), [&](const Item& item) { return item.kind == kind; });
        if (older != waiting_.end()) {
            bytes_ -= older->frame->size();
            waiting_.erase(older);
        }
    }
    if (kind == Kind::relayed && (2 * (bytes_ + frame->size()) > max_bytes_ || 2 * waiting_.size() >= max_frames_))
        return Pushed::left_out;
    // A single frame always fits: a client list of a large room must not be what cuts an idle connection. Nor must a
    // picture be that is on its way to a slow watcher, or a ping meanwhile.
    const bool showing = begun_ && waiting_.front().kind == Kind::picture;
    const std::size_t bytes = showing ? bytes_ - waiting_.front().frame->size() : bytes_;
    const bool full = kind != Kind::control && bytes + frame->size() > max_bytes_;
    if (!waiting_.empty() && (full || waiting_.size() >= max_frames_))
        return kind == Kind::picture ? Pushed::left_out : Pushed::overflow;
    bytes_ += frame->size();
    if (kind == Kind::control) {
        const auto behind = std::find_if(waiting_.begin() + (begun_ ? 1 : 0), waiting_.end(),
                                         [](const Item& item) { return item.kind != Kind::control; });
        waiting_.insert(behind, {std::move(frame), kind});
    } else {
        waiting_.push_back({std::move(frame), kind});
    }
    return Pushed::queued;
}

void SendQueue::sent(std::size_t count) {
    sent_ += count;
    if (sent_ < waiting_.front().frame->size()) return;
    bytes_ -= waiting_.front().frame->size();
    waiting_.erase(waiting_.begin());
    sent_ = 0;
    begun_ = false;
    if (waiting_.empty()) std::vector<Item>().swap(waiting_);  // idle connections are many
}

}  // namespace matriz::http
