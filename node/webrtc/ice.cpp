// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/ice.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <nice/agent.h>
#include <nice/interfaces.h>

#include <array>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "common/base/error.hpp"
#include "node/webrtc/sdp.hpp"

namespace matriz::webrtc {
namespace {

constexpr guint stream = 1;  ///< the bundle's only one

std::string escaped(const std::string& text) {
    const auto result = gst::own(g_uri_escape_string(text.c_str(), nullptr, FALSE));
    return result.get();
}

std::string authority(const protocol::IceUrl& url) {
    const bool v6 = url.host.find(':') != std::string::npos;
    return v6 ? fmt::format("[{}]:{}", url.host, url.port) : fmt::format("{}:{}", url.host, url.port);
}

/// Without any network this machine can still talk to itself.
void allow_loopback_alone(NiceAgent* agent) {
    GList* addresses = nice_interfaces_get_local_ips(FALSE);
    const bool any = addresses != nullptr;
    g_list_free_full(addresses, g_free);
    if (any) return;
    NiceAddress* loopback = nice_address_new();
    if (nice_address_set_from_string(loopback, "127.0.0.1") != FALSE) nice_agent_add_local_address(agent, loopback);
    nice_address_free(loopback);
}

/// Lets a better way replace one that was found before it. webrtcbin's agent settles for good on the best of the first
/// two ways that work, and those through a relay are found first whenever a router must be taught to let the other in,
/// half a second before the straight one. The property can only be given to a new agent, which we never see: so past
/// the check of that, to the setter. libnice reads the mode when it makes its first connectivity check.
void nominate_aggressively(GObject* agent) {
    GObjectClass* type = G_OBJECT_GET_CLASS(agent);
    GParamSpec* mode = g_object_class_find_property(type, "nomination-mode");
    if (mode == nullptr || mode->owner_type != NICE_TYPE_AGENT || type->set_property == nullptr) return;
    GValue value = G_VALUE_INIT;
    g_value_init(&value, mode->value_type);
    g_value_set_enum(&value, NICE_NOMINATION_MODE_AGGRESSIVE);
    type->set_property(agent, mode->param_id, &value, mode);
    g_value_unset(&value);
}

std::string text_of(const NiceAddress& address) {
    std::array<char, NICE_ADDRESS_STRING_LEN> text{};
    nice_address_to_string(&address, text.data());
    return text.data();
}

bool starts_with(const std::uint8_t* bytes, std::uint8_t first, std::uint8_t mask) {
    return (bytes[0] & mask) == first;
}

}  // namespace

/// The pair of candidates in use, as libnice tells it on its own thread. Asked for them it would give out its own,
/// which that thread frees when a relay breaks. libnice tells of no pair's end: the last one stays until the connection
/// goes.
class Ice::Selected {
  public:
    struct Pair {
        Path path;
        bool relayed;  ///< one of them is known to be a relay's
        bool host;     ///< ours is one of this machine's own
    };

    static void follow(GObject* agent, const std::shared_ptr<Selected>& selected) {
        g_signal_connect_data(
            agent, "new-selected-pair-full", G_CALLBACK(on_selected), new std::shared_ptr<Selected>(selected),
            [](gpointer data, GClosure*) { delete static_cast<std::shared_ptr<Selected>*>(data); }, GConnectFlags{});
    }

    /// Any thread.
    std::optional<Pair> get() const {
        const std::lock_guard lock(mutex_);
        return pair_;
    }

  private:
    static void on_selected(NiceAgent*, guint, guint, NiceCandidate* local, NiceCandidate* remote,
                            gpointer data) noexcept {
        auto& self = **static_cast<std::shared_ptr<Selected>*>(data);
        try {
            self.set(pair_of(*local, *remote));
        } catch (const std::exception&) {  // out of memory: the one before stays
        }
    }
    static Pair pair_of(const NiceCandidate& local, const NiceCandidate& remote) {
        return {.path = {.kind = "direct",
                         .local_address = text_of(local.addr),
                         .base_address = text_of(local.base_addr),
                         .remote_address = text_of(remote.addr),
                         .remote_port = static_cast<int>(nice_address_get_port(&remote.addr))},
                .relayed = local.type == NICE_CANDIDATE_TYPE_RELAYED || remote.type == NICE_CANDIDATE_TYPE_RELAYED,
                .host = local.type == NICE_CANDIDATE_TYPE_HOST};
    }
    void set(Pair pair) {
        const std::lock_guard lock(mutex_);
        pair_ = std::move(pair);
    }

    mutable std::mutex mutex_;  ///< guards pair_
    std::optional<Pair> pair_;
};

std::string turn_uri(const protocol::IceUrl& url, const std::string& username, const std::string& credential) {
    return fmt::format("turn://{}:{}@{}?transport={}", escaped(username), escaped(credential), authority(url),
                       url.tcp ? "tcp" : "udp");
}

bool is_local_address(const std::string& address) {
    std::uint8_t bytes[16] = {};
    const std::string plain = address.substr(0, address.find('%'));
    if (inet_pton(AF_INET, plain.c_str(), bytes) == 1)
        return bytes[0] == 10 || bytes[0] == 127 || (bytes[0] == 172 && starts_with(bytes + 1, 16, 0xf0)) ||
               (bytes[0] == 192 && bytes[1] == 168) || (bytes[0] == 169 && bytes[1] == 254);
    if (inet_pton(AF_INET6, plain.c_str(), bytes) != 1) return false;
    if (starts_with(bytes, 0xfc, 0xfe)) return true;                          // unique local
    if (bytes[0] == 0xfe && starts_with(bytes + 1, 0x80, 0xc0)) return true;  // link local
    std::uint8_t loopback[16] = {};
    loopback[15] = 1;
    return std::equal(std::begin(bytes), std::end(bytes), std::begin(loopback));
}

Ice::Ice(GstElement* webrtcbin, const std::vector<protocol::IceServer>& servers, bool turn)
    : selected_(std::make_shared<Selected>()) {
    GObject* raw = nullptr;
    g_object_get(webrtcbin, "ice-agent", &raw, nullptr);
    const auto ice = glib::Ref<GObject>::adopt(raw);
    if (!ice || g_object_class_find_property(G_OBJECT_GET_CLASS(ice.get()), "agent") == nullptr)
        throw Error("webrtcbin has no ICE agent of libnice; install the package gstreamer1.0-nice");
    raw = nullptr;
    g_object_get(ice.get(), "agent", &raw, nullptr);
    agent_ = glib::Ref<GObject>::adopt(raw);
    if (!agent_) throw Error("webrtcbin has no ICE agent of libnice; install the package gstreamer1.0-nice");
    // Asking a router for UPnP holds up gathering; the node opens ports itself. Audio over TCP would only be late.
    g_object_set(agent_.get(), "upnp", FALSE, "ice-tcp", FALSE, nullptr);
    nominate_aggressively(agent_.get());
    Selected::follow(agent_.get(), selected_);
    allow_loopback_alone(NICE_AGENT(agent_.get()));

    bool has_stun = false;
    for (const protocol::IceServer& server : servers) {
        for (const std::string& text : server.urls) {
            const auto url = protocol::parse_ice_url(text);
            if (!url || url->tls) continue;  // libnice 0.1.21 says TLS to nobody (agent_create_tcp_turn_socket)
            if (!url->turn) {
                if (has_stun) continue;  // webrtcbin knows one
                g_object_set(webrtcbin, "stun-server", ("stun://" + authority(*url)).c_str(), nullptr);
                has_stun = true;
                continue;
            }
            if (!turn) continue;
            gboolean added = FALSE;
            g_signal_emit_by_name(webrtcbin, "add-turn-server",
                                  turn_uri(*url, server.username, server.credential).c_str(), &added);
            if (added == FALSE) continue;
            if (turn_hosts_.find(url->host) == std::string::npos)
                turn_hosts_ += (turn_hosts_.empty() ? "" : ", ") + url->host;
        }
    }
}

void Ice::mark_packets() {
    constexpr gint expedited_forwarding = 46 << 2;
    nice_agent_set_stream_tos(NICE_AGENT(agent_.get()), stream, expedited_forwarding);
}

void Ice::release_relays() noexcept {
    if (!has_turn()) return;
    // Until all is given back, or retransmitted in vain, libnice 0.1.21 holds the agent, and with it its sockets.
    constexpr guint transmissions = 2;
    g_object_set(agent_.get(), "stun-max-retransmissions", transmissions, nullptr);
    const auto context = glib::Ref<GMainContext>::adopt(g_main_context_new());
    bool done = false;
    g_main_context_push_thread_default(context.get());
    nice_agent_close_async(
        NICE_AGENT(agent_.get()), [](GObject*, GAsyncResult*, gpointer data) { *static_cast<bool*>(data) = true; },
        &done);
    while (!done) g_main_context_iteration(context.get(), TRUE);
    g_main_context_pop_thread_default(context.get());
}

void Ice::note_local(const std::string& candidate) {
    const auto parts = candidate_parts(candidate);
    if (parts.type == "relay") relays_.insert(parts.address);
    if (parts.type == "srflx") reflexive_ = true;
}

void Ice::note_remote(const std::string& candidate) {
    const auto parts = candidate_parts(candidate);
    if (parts.type == "host" && remote_hosts_.size() < max_candidates) remote_hosts_.insert(parts.address);
    if (parts.type == "relay" && remote_relays_.size() < max_candidates) remote_relays_.insert(parts.address);
}

std::optional<Path> Ice::path() const {
    auto pair = selected_->get();
    if (!pair) return std::nullopt;
    Path& path = pair->path;
    // A candidate that was met before it was heard of counts as what the other says that it is: at a TURN server that
    // either knows, and no address of the other's own, it is a relay.
    const bool at_relay = (relays_.contains(path.remote_address) || remote_relays_.contains(path.remote_address)) &&
                          !remote_hosts_.contains(path.remote_address);
    if (pair->relayed || at_relay) {
        path.kind = "relay";
    } else if (pair->host && remote_hosts_.contains(path.remote_address) && is_local_address(path.local_address) &&
               is_local_address(path.remote_address)) {
        path.kind = "lan";
    }
    return std::move(path);
}

}  // namespace matriz::webrtc
