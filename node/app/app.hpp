// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/log.hpp"
#include "common/glib/ref.hpp"
#include "common/glib/source.hpp"
#include "node/app/peer_links.hpp"
#include "node/app/trust_gate.hpp"
#include "node/audio/kept_ports.hpp"
#include "node/audio/patchbay.hpp"
#include "node/config/config.hpp"
#include "node/control/console.hpp"
#include "node/control/control.hpp"
#include "node/emitter/emitter.hpp"
#include "node/gst/reaper.hpp"
#include "node/gst/worker.hpp"
#include "node/identity/identity.hpp"
#include "node/mesh/mesh.hpp"
#include "node/network/address_watch.hpp"
#include "node/ports/mapper.hpp"
#include "node/status/reporter.hpp"
#include "node/status/status_server.hpp"
#include "node/transport/peer_link.hpp"
#include "plugins/jack/client.hpp"

namespace matriz::node {

/// The node: everything that runs, owned in the order in which it is started. Main thread only.
class App {
  public:
    /// Starts everything that can fail for good: throws Error when an address is taken or a certificate cannot be used.
    /// JACK, the config server and the peers may be absent; they are waited for.
    explicit App(NodeConfig config);
    App(const App&) = delete;
    App& operator=(const App&) = delete;
    /// Stops receivers, emitter, JACK client, in this order.
    ~App();

    /// Plays until SIGTERM, SIGINT, SIGHUP or the console's `end`, then says goodbye to the server.
    void run();

    status::Snapshot snapshot() const;

  private:
    using Clock = std::chrono::steady_clock;

    void on_list(const control::action::Publish& list);
    void on_proven(const std::string& name, const std::string& fingerprint);
    void on_signal(const std::string& from, Json::Value body);
    void on_addresses(const network::AddressWatch::Change& change);
    void on_new_offer();
    void on_jack(const jack::Status& status);
    void on_command(control::Command command);
    void keep_jack();
    void report();
    void join();
    void prepared();
    void stop();
    void leave_in_time() const;

    const NodeConfig config_;
    const log::Logger log_{"node"};
    const std::optional<identity::Identity> identity_;  ///< nothing: not needed, or nowhere to keep it
    TrustGate trust_;
    control::action::Publish list_;  ///< the newest of the server
    const Clock::time_point started_ = Clock::now();
    glib::Ref<GMainLoop> loop_;
    bool stopping_ = false;

    std::shared_ptr<jack::Client> jack_;
    std::string jack_complaint_;  ///< what was last said about JACK being away; said once
    audio::Patchbay patchbay_;
    audio::KeptPorts kept_ports_;
    emitter::Emitter emitter_;
    std::optional<control::Control> control_;  ///< nothing: no config server
    gst::Reaper reaper_;
    PeerLinks links_;
    mesh::Mesh<transport::PeerLink> mesh_;
    std::optional<control::Console> console_;  ///< nothing: standard input is no terminal
    std::optional<status::StatusServer> status_server_;
    std::optional<ports::Mapper> mapper_;  ///< nothing: no peers beyond the router, or `port_mapping` is off

    jack::Client::Subscription jack_changes_;
    std::optional<network::AddressWatch> addresses_;
    status::Reporter reporter_;
    glib::Source report_timer_;
    glib::Source jack_timer_;
    bool preparing_ = false;  ///< to register once WebRTC is ready
    glib::Source enough_preparing_;
    glib::Source watchdog_;
    std::vector<glib::Source> signals_;
    gst::Worker warm_up_{"matriz-warm-up"};  ///< what WebRTC needs once, before the first peer comes
};

}  // namespace matriz::node
