// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <string>

#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "node/audio/patchbay.hpp"
#include "node/gst/worker.hpp"
#include "plugins/jack/client.hpp"

namespace matriz::node::audio {

/// Keeps the node's JACK client open and its ports connected, whatever becomes of the server, on a thread of its own:
/// a server that hangs hangs whoever calls it, and that must not be the main loop.
///
/// Made and destroyed on one thread; destroying waits for JACK.
class JackKeeper {
  public:
    JackKeeper(JackConnect wish, std::shared_ptr<jack::Client> client);
    JackKeeper(const JackKeeper&) = delete;
    JackKeeper& operator=(const JackKeeper&) = delete;
    ~JackKeeper();

    /// Takes the ports of a peer away, soon. Any thread but the audio thread; never waits.
    void release_ports(const std::string& prefix);

  private:
    void keep() noexcept;
    void on_change(const jack::Status& status) noexcept;

    const log::Logger log_{"node"};
    const std::shared_ptr<jack::Client> client_;

    // Only the worker's thread.
    Patchbay patchbay_;
    std::string complaint_;  ///< what was last said about JACK being away; said once
    glib::Source timer_;

    gst::Worker worker_{"matriz-jack"};
    jack::Client::Subscription changes_;
};

}  // namespace matriz::node::audio
