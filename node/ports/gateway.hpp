// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "node/ports/mapping.hpp"

namespace matriz::node::ports {

/// Why a port could not be opened, or kept open.
struct Refusal {
    std::string reason;       ///< the router's, in words
    bool others = false;      ///< another machine has that port, so nothing of ours is behind it
    bool unanswered = false;  ///< no answer came: the router may have done it all the same
};

/// A router that opens ports on request. Its calls wait for the router's answer, seconds if need be: one worker thread.
class Gateway {
  public:
    Gateway() = default;
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;
    virtual ~Gateway() = default;

    /// "192.168.1.1 (UPnP)"
    virtual std::string name() const = 0;
    /// This machine's address that open ports lead to; empty when it is whichever asked last.
    virtual std::string own_address() const = 0;
    /// Its outer address; empty when it does not tell.
    virtual std::string external_address() = 0;
    /// Opens the port, or keeps it open, for `lease`; nothing when that worked.
    virtual std::optional<Refusal> open(Mapping mapping, std::chrono::seconds lease) = 0;
    /// False when the router does not answer. A port that it no longer has is closed.
    virtual bool close(Mapping mapping) = 0;
};

/// The router of the default route, by NAT-PMP (RFC 6886), or null. Takes up to a second.
std::unique_ptr<Gateway> find_natpmp();
/// The first connected internet gateway that answers UPnP's discovery, or null. Takes some seconds. `interface`: ask
/// there only; empty: on that of the default route.
std::unique_ptr<Gateway> find_upnp(const std::string& interface);

}  // namespace matriz::node::ports
