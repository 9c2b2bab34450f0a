// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "common/protocol/register.hpp"
#include "node/control/session.hpp"
#include "node/control/transport.hpp"

namespace matriz::control {

/// The STUN URL of the config server at `url`. None for a server on this machine, which sees only loopback, or without
/// a port. Pure.
std::optional<std::string> stun_of(const std::string& url, std::uint16_t port);

/// How things stand with the config server, for people.
struct ServerStatus {
    std::string url{};
    Session::State state = Session::State::idle;
    Session::Time since{};            ///< in this state
    std::string last_error{};         ///< empty: none so far
    std::string own_name{};           ///< as the server knows this node
    std::string own_address{};        ///< at which the server sees this node; empty: not known yet
    std::optional<bool> reachable{};  ///< this node's stream, from the server; nothing: not known yet
    int server_version = 0;
};

/// The link to the config server: a Session driven over a Transport. Keeps this node registered for ever and reports
/// whom the mesh consists of. Main thread only; handlers run from the main loop.
class Control {
  public:
    /// Whom the mesh consists of now.
    using OnList = std::function<void(const action::Publish& list)>;
    /// What node `from` of the same room sent to this one.
    using OnSignal = std::function<void(const std::string& from, Json::Value body)>;

    /// Throws Error when a certificate or key cannot be used. Does nothing on the network before start().
    Control(Endpoint endpoint, protocol::Register hello, OnList on_list, Times times = {});
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

    /// Registers, or registers again after leave().
    void start();
    /// Says goodbye; `done` is called once, from the main loop, when the server has it or a second has gone by. With
    /// `forget` the list becomes empty: nobody is to be heard any more.
    void leave(bool forget, std::function<void()> done = {});

    /// Connects anew at once, because this machine's network is another one. The last list goes on to count.
    void reconnect();

    /// Tells the server how the peers are heard, if it wants to know. Once a second.
    void report(const protocol::Report& report) { perform(session_.report(report)); }

    /// Sends `body` to node `peer` of the same room. False when it cannot go now: not registered, or the server is an
    /// original one. That the server could not deliver it is logged only. Throws protocol::Malformed when the body is
    /// no JSON text.
    bool signal(const std::string& peer, Json::Value body);
    /// Call it before start().
    void on_signal(OnSignal handler) { on_signal_ = std::move(handler); }

    /// The STUN and TURN servers that the config server last named, also while it is away. Any thread but audio.
    std::vector<protocol::IceServer> ice_servers() const;

    ServerStatus status() const;

  private:
    void perform(const Actions& actions);
    void arm();

    Endpoint endpoint_;
    OnList on_list_;
    OnSignal on_signal_;
    mutable std::mutex ice_mutex_;
    std::vector<protocol::IceServer> ice_servers_;  ///< guarded by ice_mutex_
    log::Logger log_{"control"};
    Session session_;
    Transport transport_;
    glib::Source timer_;
    std::vector<std::function<void()>> on_left_;
    glib::Source left_;
};

}  // namespace matriz::control
