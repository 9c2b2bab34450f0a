// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

namespace matriz::emitter {

/// The numeric address of the network interface `name`: its first IPv4 address, or its first global IPv6 one. Throws
/// Error that names the interfaces there are.
std::string address_of_interface(const std::string& name);

}  // namespace matriz::emitter
