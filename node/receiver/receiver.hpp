// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>

#include "node/gst/reaper.hpp"
#include "node/receiver/config.hpp"
#include "node/receiver/status.hpp"

namespace matriz::receiver {

class Link;

/// Plays one peer through its JACK ports, from construction to destruction, whatever happens to the peer, the network
/// and JACK: it connects, fails, waits and connects again by itself. Making and destroying it takes no time; the
/// closing goes on in the reaper, which must outlive it. Make and destroy it on one thread; status() from any but the
/// audio thread.
class Receiver {
  public:
    Receiver(ReceiverConfig config, gst::Reaper& reaper);
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;
    ~Receiver();

    ReceiverStatus status() const;

  private:
    gst::Reaper& reaper_;
    std::shared_ptr<Link> link_;
};

}  // namespace matriz::receiver
