// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/receiver/receiver.hpp"

#include <utility>

#include "node/gst/init.hpp"
#include "node/receiver/link.hpp"

namespace matriz::receiver {

Receiver::Receiver(ReceiverConfig config, gst::Reaper& reaper) : reaper_(reaper) {
    gst::initialise();
    link_ = std::make_shared<Link>(std::move(config));
}

Receiver::~Receiver() {
    link_->stop();
    reaper_.take(std::move(link_));
}

ReceiverStatus Receiver::status() const { return link_->status(); }

}  // namespace matriz::receiver
