// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/mesh/wanted.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "common/base/error.hpp"
#include "common/config/document.hpp"
#include "common/protocol/limits.hpp"

namespace matriz::mesh {
namespace {

/// Why `name` cannot be a peer's; empty when it can.
std::string_view fault_of(std::string_view name) {
    if (name.empty()) return "it has no name";
    if (name.size() > protocol::max_name) return "its name is too long";
    if (!config::is_utf8(name)) return "its name is not UTF-8";
    if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
        return "its name has control characters";
    if (name.find_first_not_of(' ') == std::string_view::npos) return "its name is blank";
    return {};
}

struct Candidate {
    Peer peer;
    bool reachable = false;
};

/// Gathers the entries of the lists, the best of each name.
class Gathering {
  public:
    Gathering(const List& list, const Options& options) : list_(list), options_(options) {}

    void add(const protocol::ClientInfo& client, bool hear) {
        if (client.name == list_.own_name && !client.name.empty()) return;
        if (const auto fault = fault_of(client.name); !fault.empty()) return refuse(client, fault);
        const auto address = clean_address(client.ip);
        if (!address) return refuse(client, "its address is not usable");
        if (client.port == 0) return refuse(client, "it has no port");
        Peer peer{.name = client.name,
                  .address = *address,
                  .port = client.port,
                  .version = client.version,
                  .fingerprint = client.fingerprint,
                  .webrtc = !client.fingerprint.empty() && !client.rtsp_only,
                  .rtsp_tls = client.rtsp_tls,
                  .hear = hear,
                  .refusal = refusal_of(client.name)};
        if (options_.direct) {
            if (peer.name == options_.direct->name) return refuse(client, "its name is that of the direct link");
            // The direct link already plays it; twice would be an echo.
            if (peer.address == options_.direct->address && peer.port == options_.direct->port) return;
        }
        if (!hear && !(options_.webrtc && peer.webrtc)) return;  // it comes for the sound by itself
        const auto known = candidates_.find(client.name);
        if (known != candidates_.end()) {
            if (known->second.peer.hear && !hear) return;
            const bool better = client.stream || !known->second.reachable;
            refuse(client, better ? "its name is there twice, this one counts"
                                  : "its name is there twice, the other one counts");
            if (!better) return;
        }
        candidates_[client.name] = {std::move(peer), client.stream};
    }

    Wanted finish() {
        if (options_.receive && options_.direct) candidates_[options_.direct->name] = {*options_.direct, true};
        for (auto& [name, candidate] : candidates_) result_.peers.push_back(std::move(candidate.peer));
        return std::move(result_);
    }

  private:
    std::string refusal_of(const std::string& name) const {
        const auto found = list_.refusals.find(name);
        return found != list_.refusals.end() ? found->second : std::string();
    }
    void refuse(const protocol::ClientInfo& client, std::string_view why) {
        result_.refused.push_back(
            fmt::format("\"{}\" at \"{}\" port {}: {}", client.name, client.ip, client.port, why));
    }

    const List& list_;
    const Options& options_;
    std::map<std::string, Candidate> candidates_;
    Wanted result_;
};

}  // namespace

Peer direct_peer(std::string_view address, std::uint16_t port) {
    if (port == 0) throw Error("receive_from_port: 0 is no port to receive from");
    const auto clean = clean_address(address);
    if (!clean && !is_host_name(address))
        throw Error("receive_from_ip: \"{}\" is neither the IP address nor the name of a host", address);
    return {
        .name = std::string(direct_name), .address = clean.value_or(std::string(address)), .port = port, .version = 0};
}

Wanted wanted(const List& list, const Options& options) {
    Gathering gathering(list, options);
    for (const protocol::ClientInfo& client : list.clients) gathering.add(client, options.receive);
    for (const protocol::ClientInfo& client : list.listeners) gathering.add(client, false);
    return gathering.finish();
}

}  // namespace matriz::mesh
