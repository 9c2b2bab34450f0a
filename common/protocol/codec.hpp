// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/error.hpp"
#include "common/protocol/client_list.hpp"
#include "common/protocol/ice_server.hpp"
#include "common/protocol/monitor.hpp"
#include "common/protocol/register.hpp"
#include "common/protocol/report.hpp"
#include "common/protocol/room_status.hpp"
#include "common/protocol/routes.hpp"
#include "common/protocol/signal.hpp"

/// JSON text frames of the websocket <-> messages: the only JSON code of the wire. docs/protocol.md describes them.
/// Pure functions, any thread. Decoders accept the original's escaped form (the object inside a JSON string).
namespace matriz::protocol {

/// The other side sent what is no message; the text says why and never repeats a key.
class Malformed : public Error {
  public:
    using Error::Error;
};

struct Deregister {};
struct Refresh {};
/// Any other object: the server passes it on to all others with "name" and "clients" added.
struct Broadcast {
    Json::Value object;
};

/// A monitor changes who hears whom: {"set_routes":{"room":R,"hears":{…}|null}}.
struct SetRoutes {
    std::string room;  ///< empty: the monitor's own, or the default one
    Routes hears;
};

/// What a server may receive.
using ClientMessage = std::variant<Register, Deregister, Refresh, Broadcast, Signal, Report, SetRoutes>;
/// Throws Malformed.
ClientMessage decode_client_message(std::string_view text);

/// What a node may receive: the reply to its register (with the list), or a message with or without a list.
struct ServerMessage {
    std::optional<Registered> registered;
    std::optional<ClientList> list;
    std::string message;  ///< for people; may be empty
    std::string error;  ///< what was refused, for programs: "key", "name", "room", "full", "busy", "message", "signal"
    std::optional<Signal> signal;
    /// The STUN and TURN servers from now on: always after a reply of a server that speaks our version, else when the
    /// message names them.
    std::optional<std::vector<IceServer>> ice_servers{};
    bool refresh = false;  ///< a broadcast {"refresh":true}
};
/// Throws Malformed.
ServerMessage decode_server_message(std::string_view text);

std::string encode(const Register& message);
std::string encode(const Deregister& message);
std::string encode(const Refresh& message);
std::string encode(const Registered& reply, const ClientList& list);
std::string encode(const ClientList& message);
/// A broadcast on its way to others: what the sender said is written once, then the list goes behind it for each. The
/// list replaces whatever the sender called "name", "clients" and so on.
class Relay {
  public:
    /// Throws Malformed when what was said cannot be written.
    explicit Relay(Broadcast message);
    /// Throws Malformed when that is more than max_message: written anew, strings and numbers can be several times as
    /// long as they came. When the room's whole list fits, so does what of it one listener is to see.
    std::string with(const ClientList& list) const;

  private:
    std::string body_;  ///< an object without its closing brace
};
/// Relay for a single list. Throws Malformed.
std::string encode(const Broadcast& message, const ClientList& list);
/// To the server (`peer` is the receiver) or from it (`peer` is the sender).
enum class Towards { server, node };
std::string encode(const Signal& message, Towards towards);
std::string encode(const Report& message);
/// {"ice_servers":[…]}: other ones, or new credentials for the same.
std::string encode(const std::vector<IceServer>& servers);
/// A refusal: {"message":…,"error":code}. An original client sees the message only.
std::string encode_refusal(std::string_view code, std::string_view message);
std::string encode(const MonitorWelcome& message);
std::string encode(const MonitorEvent& message);
std::string encode(const WebState& message);
/// The object alone, as GET /rooms/R/status answers it.
std::string encode(const RoomStatus& status);
/// The same as a message: {"status":{…}}.
std::string encode_pushed(const RoomStatus& status);

}  // namespace matriz::protocol
