// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/glib/source.hpp"
#include "common/protocol/client_info.hpp"
#include "node/mesh/plan.hpp"
#include "node/mesh/wanted.hpp"

namespace matriz::mesh {

/// Owns one receiver per wanted peer and brings them in line with each client list. `Receiver` starts when it is made
/// and stops when it is destroyed; once made it deals with its own failures. Told by move(address, port) where its peer
/// is now, it may return false: then it is made anew. Main thread only.
template <class Receiver>
class Mesh {
  public:
    using Clock = std::chrono::steady_clock;
    /// May throw: the others are not touched, the peer is tried again after `retry`.
    using Factory = std::function<std::unique_ptr<Receiver>(const Peer&)>;

    struct Entry {
        Peer peer;
        std::unique_ptr<Receiver> receiver;
        Clock::time_point since;  ///< when the list or the config first asked for it
    };

    Mesh(Options options, Factory factory, std::chrono::milliseconds retry = std::chrono::seconds{5})
        : options_(std::move(options)), factory_(std::move(factory)), retry_after_(retry) {}
    Mesh(const Mesh&) = delete;
    Mesh& operator=(const Mesh&) = delete;
    ~Mesh() { stop(); }

    /// The peers that need no server. Call it once the audio side stands.
    void start() { apply({}); }

    /// A new list, which may follow the last one at any moment, even while that one is being applied (from a factory or
    /// a destructor).
    void apply(List list) {
        list_ = std::move(list);
        update();
    }

    /// Stops every receiver, and none starts again.
    void stop() {
        stopped_ = true;
        retry_.cancel();
        if (!updating_) entries_.clear();
    }

    const std::map<std::string, Entry>& entries() const noexcept { return entries_; }

  private:
    /// Applies the newest list; a list that comes meanwhile is applied next, without nesting.
    void update() {
        dirty_ = true;
        if (updating_) return;
        updating_ = true;
        while (dirty_ && !stopped_) {
            dirty_ = false;
            run();
        }
        updating_ = false;
        if (stopped_) entries_.clear();
    }

    void run() {
        Wanted now = wanted(list_, options_);
        if (now.refused != refused_) {
            for (const std::string& text : now.refused) log_.warning("client list: {}", text);
            refused_ = std::move(now.refused);
        }
        std::vector<Peer> running;
        for (const auto& [name, entry] : entries_) running.push_back(entry.peer);
        retry_.cancel();
        bool failed = false;
        for (const Action& action : plan(now.peers, running)) {
            if (stopped_ || dirty_) return;  // what follows belongs to a list that is no longer true
            if (!perform(action)) failed = true;
        }
        if (failed && !stopped_) retry_ = glib::Source::after(retry_after_, [this] { update(); });
    }

    /// False when the receiver could not be made.
    bool perform(const Action& action) {
        const Peer& peer = action.peer;
        if (action.kind == Action::Kind::keep) return true;
        if (action.kind == Action::Kind::move && move(peer)) return true;
        if (action.kind == Action::Kind::stop) log_.info("{} left; its receiver stops", peer.name);
        if (action.kind == Action::Kind::restart || action.kind == Action::Kind::move)
            log_.info("{} is now at {}; its receiver restarts", peer.name, peer.endpoint());
        // Out of the map before it is destroyed, so that nobody meets it half gone.
        if (auto node = entries_.extract(peer.name)) node.mapped().receiver.reset();
        if (action.kind == Action::Kind::stop) return true;
        if (action.kind == Action::Kind::start) log_.info("{} at {}; its receiver starts", peer.name, peer.endpoint());
        const auto since = Clock::now();
        try {
            entries_.insert_or_assign(peer.name, Entry{peer, factory_(peer), since});
            return true;
        } catch (const std::exception& error) {
            log_.error("receiver of {}: {}; next attempt in {} s", peer.name, describe(error),
                       std::chrono::duration<double>(retry_after_).count());
            return false;
        }
    }

    /// False when it must be made anew for that.
    bool move(const Peer& peer) {
        const auto found = entries_.find(peer.name);
        if (found == entries_.end() || !found->second.receiver->move(peer.address, peer.port)) return false;
        found->second.peer = peer;
        log_.info("{} is now at {}", peer.name, peer.endpoint());
        return true;
    }

    Options options_;
    Factory factory_;
    std::chrono::milliseconds retry_after_;
    log::Logger log_{"mesh"};
    List list_;
    std::vector<std::string> refused_;
    std::map<std::string, Entry> entries_;
    glib::Source retry_;
    bool updating_ = false;
    bool dirty_ = false;
    bool stopped_ = false;
};

}  // namespace matriz::mesh
