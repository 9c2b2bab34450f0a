// SPDX-License-Identifier: GPL-3.0-or-later
#include "matrizctl/doctor/doctor.hpp"

#include <unistd.h>

#include <cerrno>
#include <thread>

#include "common/base/error.hpp"
#include "matrizctl/client.hpp"
#include "matrizctl/doctor/machine.hpp"
#include "matrizctl/doctor/visit.hpp"
#include "matrizctl/doctor/webrtc.hpp"

namespace matriz::ctl::doctor {
namespace {

std::string config_path(const std::string& given, const std::string& root) {
    if (!given.empty()) return given;
    if (access("client.json", F_OK) == 0) return "client.json";
    return root + (root.ends_with('/') ? "" : "/") + "etc/matriz/client.json";
}

Place look_at_place(const std::string& path) {
    Place place{.path = path, .config = std::nullopt, .problems = {}, .readable = true};
    place.readable = access(path.c_str(), R_OK) == 0 || errno != EACCES;
    config::Problems warnings;
    try {
        place.config = node::load_config(path, warnings);
        for (const config::Problem& warning : warnings) place.problems.push_back(warning.str());
    } catch (const config::ConfigError& error) {
        for (const config::Problem& problem : error.problems()) place.problems.push_back(problem.str());
    }
    return place;
}

std::optional<std::uint64_t> xruns(const Json::Value& status) {
    if (!status["jack"].isObject() || !status["jack"]["xruns"].isUInt64()) return std::nullopt;
    return status["jack"]["xruns"].asUInt64();
}

/// Asks the node twice: what grew between is happening now.
void ask_node(Facts& facts, const std::string& host, std::uint16_t port, std::chrono::milliseconds watch) {
    try {
        const Json::Value before = fetch_status(host, port).json;
        std::this_thread::sleep_for(watch);
        facts.status = fetch_status(host, port).json;
        const auto first = xruns(before);
        const auto second = xruns(*facts.status);
        if (first && second && *second >= *first) facts.new_xruns = *second - *first;
    } catch (const Error& error) {
        facts.status_error = describe(error);
    }
}

/// The host of "10.0.0.2:8554" and "[fe80::1]:8554".
std::string host_part(const std::string& address) {
    if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
    return address.substr(0, address.rfind(':'));
}

void measure_ways(Facts& facts) {
    const auto add = [&facts](const std::string& name, const std::string& host) {
        if (host.empty()) return;
        if (auto mtu = mtu_towards(name, host)) facts.mtus.push_back(std::move(*mtu));
    };
    if (facts.status && (*facts.status)["peers"].isArray())
        for (const Json::Value& peer : (*facts.status)["peers"])
            if (peer.isObject() && peer["name"].isString() && peer["address"].isString())
                add(peer["name"].asString(), host_part(peer["address"].asString()));
    if (facts.mtus.empty() && facts.place.config) add("the config server", host_of(facts.place.config->server_url()));
}

/// Of the service's node, whoever asks; of any other, as that would find it.
std::string state_folder(const Place& place, const std::string& root) {
    const std::string slashed = root + (root.ends_with('/') ? "" : "/");
    if (place.config->state_dir.empty() && place.path.starts_with(slashed + "etc/matriz/"))
        return slashed + "var/lib/matriz";
    return place.config->state_folder();
}

/// The identity, where WebRTC or RTSP over TLS may be used.
std::optional<IdentityFile> find_identity(const Place& place, const std::string& root) {
    const auto& config = place.config;
    const bool needed =
        config && (config->transport != node::Transport::rtsp || config->rtsp_security == node::RtspSecurity::tls);
    if (!needed) return std::nullopt;
    return look_at_identity(state_folder(place, root));
}

/// Who tells how the world sees this place, where WebRTC may be used.
void look_at_way_out(Facts& facts) {
    const auto& config = facts.place.config;
    if (!config || config->transport == node::Transport::rtsp) return;
    std::string server = facts.server ? facts.server->stun : "";
    if (facts.status && (*facts.status)["server"].isObject() && (*facts.status)["server"]["stun"].isString())
        server = (*facts.status)["server"]["stun"].asString();
    if (server.empty()) return;
    facts.stun = ask_stun(server);
    if (!facts.stun->seen_at.empty()) facts.big_packet = send_big_packet(server);
}

}  // namespace

std::vector<Finding> examine(const Request& request) {
    Facts facts;
    facts.place = look_at_place(config_path(request.config, request.root));
    const auto& config = facts.place.config;
    facts.machine = look_at_machine(request.root, config ? config->record_dir : ".");
    std::string host = request.host;
    std::uint16_t port = request.port;
    if (host.empty()) {
        host = config && config->control ? config->control->host : "127.0.0.1";
        port = config && config->control ? config->control->port : request.port;
    }
    ask_node(facts, host, port, request.watch);
    facts.identity = find_identity(facts.place, request.root);
    if (!facts.status) {
        facts.jack = visit_jack(config ? config->jack_server : "");
        if (config && !config->server_url().empty())
            facts.server = visit_server(*config, facts.identity ? facts.identity->fingerprint : "");
    }
    look_at_way_out(facts);
    if (config) facts.certificates = look_at_certificates(*config);
    measure_ways(facts);
    return judge(facts);
}

}  // namespace matriz::ctl::doctor
