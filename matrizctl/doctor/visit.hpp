// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "matrizctl/doctor/facts.hpp"

namespace matriz::ctl::doctor {

/// Joins the JACK server of that name for a moment, as a client without ports.
JackVisit visit_jack(const std::string& server);

/// Registers at the config server as the node would, listens on its RTSP port meanwhile, and leaves. Takes seconds.
/// `fingerprint`: the node's, so that whoever has pinned it sees no other; it is not to be called by WebRTC. Empty:
/// none.
ServerVisit visit_server(const node::NodeConfig& config, const std::string& fingerprint);

/// The server's certificate, when the URL is wss://, and the client's, when there is one.
std::vector<Certificate> look_at_certificates(const node::NodeConfig& config);

/// What fits into a packet on the way to `address`, as far as this machine knows: the MTU of its route, or what routers
/// have told it before. Sends nothing. Nothing when it has no way there.
std::optional<PathMtu> mtu_towards(const std::string& name, const std::string& address);
/// The host of a ws:// or wss:// URL.
std::string host_of(const std::string& url);

}  // namespace matriz::ctl::doctor
