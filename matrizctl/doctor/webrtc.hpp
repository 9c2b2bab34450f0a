// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "matrizctl/doctor/facts.hpp"

/// What WebRTC needs: an identity, and somebody who tells how the world sees this place.
namespace matriz::ctl::doctor {

/// Asks `server`, HOST:PORT, by STUN (RFC 8489) where this machine's packets seem to come from. Asks three times, each
/// time waiting for `patience`; blocks.
Stun ask_stun(const std::string& server, std::chrono::milliseconds patience = std::chrono::milliseconds(700));

/// Sends `server` a STUN request padded to the largest datagram that audio makes, 1200 bytes, with "don't fragment": a
/// router through which it does not fit says so. Sends it three times, each time waiting for `patience`; blocks. A
/// server need not answer one so large (ours takes 548 bytes, as RFC 5389 wants).
BigPacket send_big_packet(const std::string& server,
                          std::chrono::milliseconds patience = std::chrono::milliseconds(500));

/// Looks at identity.pem in `folder`. Changes nothing.
IdentityFile look_at_identity(const std::string& folder);

}  // namespace matriz::ctl::doctor
