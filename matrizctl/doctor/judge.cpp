// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "matrizctl/doctor/finding.hpp"
#include "matrizctl/text.hpp"

namespace matriz::ctl::doctor {
namespace {

using Findings = std::vector<Finding>;

constexpr double nearly_over = 14;                    // days of a certificate
constexpr int smallest_mtu = 1200 + 28;               // the largest datagram, with IP and UDP headers
constexpr std::uint64_t little_lockable = 128 << 20;  // bytes: JACK alone locks some 100 MB in each of its programs
constexpr std::uint64_t little_room = 2'000'000'000;  // bytes: some hours of stereo WAV

/// What another version of the node, or another program, calls its status need not have the form of ours.
const Json::Value& part(const Json::Value& json, const char* key) {
    return json.isObject() ? json[key] : Json::Value::nullSingleton();
}
std::string text_of(const Json::Value& json, const char* key) {
    const Json::Value& value = part(json, key);
    return value.isString() ? printable(value.asString()) : std::string();
}
std::uint64_t number_of(const Json::Value& json, const char* key) {
    const Json::Value& value = part(json, key);
    return value.isUInt64() ? value.asUInt64() : 0;
}

void judge_place(const Facts& facts, Findings& out) {
    const Place& place = facts.place;
    if (!place.readable) {
        out.push_back({Verdict::note, "config",
                       fmt::format("only root and the node's user may read {}", printable(place.path)),
                       "\"sudo matrizctl doctor\" looks at all of this place"});
        return;
    }
    if (!place.config) {
        out.push_back({Verdict::bad, "config", fmt::format("{}", fmt::join(place.problems, "; ")),
                       "correct it, or let matriz-setup write it"});
        return;
    }
    for (const std::string& problem : place.problems)
        out.push_back({Verdict::warning, "config", problem, "correct or remove that line"});
    if (place.problems.empty()) out.push_back({Verdict::good, "config", place.path + " is right", {}});
}

void judge_node(const Facts& facts, Findings& out) {
    if (!facts.status) {
        out.push_back({Verdict::bad, "node", facts.status_error,
                       "\"systemctl status matriz\" tells how the service is, \"journalctl -u matriz\" what it said"});
        return;
    }
    const Json::Value& status = *facts.status;
    const double uptime = part(status, "uptime_s").isNumeric() ? status["uptime_s"].asDouble() : 0;
    out.push_back({Verdict::good,
                   "node",
                   fmt::format("{} {} has been running for {}", text_of(status, "name"), text_of(status, "version"),
                               duration_text(uptime)),
                   {}});
}

void judge_card(const Facts& facts, Findings& out) {
    const Machine& machine = facts.machine;
    const std::string subject = "sound card";
    if (machine.driver == "dummy") {
        out.push_back({Verdict::note, subject, "audio.conf says that JACK runs without one", {}});
        return;
    }
    std::vector<std::string> names;
    bool usb = false;
    bool wanted = machine.wanted_card == "auto";
    const std::string name = machine.wanted_card.substr(machine.wanted_card.starts_with("hw:") ? 3 : 0);
    const std::string meant = name.substr(0, name.find(','));  // a name or a number; behind it, one of its devices
    for (const Card& card : machine.cards) {
        names.push_back(fmt::format("{} ({})", card.name, card.title));
        usb |= card.usb;
        wanted |= meant == card.name || meant == std::to_string(card.index);
    }
    const std::string all = fmt::format("{}", fmt::join(names, ", "));
    if (!machine.has_alsa || names.empty())
        out.push_back({Verdict::bad, subject, "this machine has none that Linux knows",
                       "plug it in, try another cable and socket; \"dmesg\" tells what the kernel saw"});
    else if (!wanted && name.find(':') == std::string::npos)
        out.push_back({Verdict::bad, subject,
                       fmt::format("audio.conf wants {}, but there is only {}", printable(name), printable(all)),
                       "plug it in, or choose another with \"matriz-setup --card\""});
    else if (machine.wanted_card == "auto" && !usb)
        out.push_back({Verdict::bad, subject, "no USB card, only " + printable(all),
                       "plug one in, or choose one of these with \"matriz-setup --card\""});
    else
        out.push_back({Verdict::good, subject, printable(all), {}});
}

const char* const start_jack = "\"systemctl status matriz-jackd\" tells why; matriz-setup sets it up";

void judge_jack(const Facts& facts, Findings& out) {
    if (facts.status) {
        const Json::Value& jack = part(*facts.status, "jack");
        if (text_of(jack, "state") == "running")
            out.push_back(
                {Verdict::good,
                 "JACK",
                 fmt::format("runs at {} Hz, {} frames a period", number_of(jack, "rate"), number_of(jack, "period")),
                 {}});
        else if (text_of(jack, "state") == "hangs")
            out.push_back(
                {Verdict::bad, "JACK", "its server hangs: it is there, but no audio comes from it",
                 "\"systemctl restart matriz-jackd\"; if it hangs again, unplug the sound card and plug it in: "
                 "\"dmesg\" tells of trouble with it"});
        else
            out.push_back(
                {Verdict::bad, "JACK", fmt::format("the node has none: {}", text_of(jack, "state")), start_jack});
        return;
    }
    if (facts.jack && facts.jack->joined) {
        out.push_back({Verdict::good,
                       "JACK",
                       fmt::format("runs at {} Hz, {} frames a period", facts.jack->rate, facts.jack->period),
                       {}});
        return;
    }
    if (facts.machine.jackds.empty()) {
        out.push_back({Verdict::bad, "JACK", "no JACK server runs", start_jack});
        return;
    }
    out.push_back({Verdict::note, "JACK",
                   fmt::format("a server runs as the user {}; only that user's programs can join it",
                               facts.machine.jackds.front().user),
                   "run matrizctl doctor as that user, or as root while the node runs"});
}

const char* const give_rights =
    "the services bring the right, and matriz-setup gives it to the group audio; put the user into that and log in "
    "anew";

/// The first of them without what `has` says; null when all have it.
template <class Has>
const Process* without(const std::vector<Process>& processes, Has has) {
    const auto found = std::find_if_not(processes.begin(), processes.end(), has);
    return found == processes.end() ? nullptr : &*found;
}

/// JACK's own threads and the node's: what either lacks is heard alike.
void judge_realtime(const Facts& facts, Findings& out) {
    const char* const subject = "real time";
    const auto& jackds = facts.machine.jackds;
    const auto& nodes = facts.machine.nodes;
    const auto urgent = [](const Process& process) { return process.realtime_priority > 0; };
    const auto has_audio_thread = [](const Process& process) { return process.fifo_priority > 0; };
    const auto complain = [&](const std::string& who, const char* what, const char* advice) {
        out.push_back({Verdict::bad, subject, fmt::format("{} {}: expect clicks", who, what), advice});
    };
    const char* const waits = "has to wait for other programs";
    const std::size_t before = out.size();
    if (const Process* jackd = without(jackds, urgent))
        complain("JACK of the user " + printable(jackd->user), waits, give_rights);
    else if (facts.jack && facts.jack->joined && !facts.jack->realtime)
        complain("JACK", "was started without -R, so it has to wait for other programs",
                 "let matriz-setup set it up, or start jackd with -R");
    // Without JACK a node has no threads that would need it.
    const bool plays = facts.status && text_of(part(*facts.status, "jack"), "state") == "running";
    if (const Process* node = plays ? without(nodes, urgent) : nullptr)
        complain("the node of the user " + printable(node->user), waits, give_rights);
    else if (const Process* deaf = plays ? without(nodes, has_audio_thread) : nullptr)
        complain("the audio thread of the node of the user " + printable(deaf->user), waits, give_rights);
    if (out.size() > before || (jackds.empty() && (nodes.empty() || !plays))) return;
    std::string text;
    if (!jackds.empty())
        text = fmt::format("JACK goes before everything else (priority {})", jackds.front().realtime_priority);
    if (plays && !nodes.empty())
        text += fmt::format("{}the node's audio thread at {}", text.empty() ? "" : ", ", nodes.front().fifo_priority);
    out.push_back({Verdict::good, subject, text, {}});
}

void judge_memory(const Facts& facts, Findings& out) {
    std::vector<std::pair<const char*, const Process*>> all;
    for (const Process& jackd : facts.machine.jackds) all.emplace_back("JACK", &jackd);
    for (const Process& node : facts.machine.nodes) all.emplace_back("the node", &node);
    if (all.empty()) return;
    const auto least = std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return a.second->lockable.value_or(UINT64_MAX) < b.second->lockable.value_or(UINT64_MAX);
    });
    const auto limit = least->second->lockable;
    if (limit && *limit < little_lockable)
        out.push_back({Verdict::warning, "memory",
                       fmt::format("{} of the user {} may keep only {:.1f} MB in memory for sure: where that is short, "
                                   "audio waits for the disk",
                                   least->first, printable(least->second->user), static_cast<double>(*limit) / 1e6),
                       give_rights});
    else
        out.push_back({Verdict::good, "memory", "audio may be kept in memory for sure", {}});
}

void judge_xruns(const Facts& facts, Findings& out) {
    if (!facts.status || !part(part(*facts.status, "jack"), "xruns").isUInt64()) return;
    const auto all = number_of(part(*facts.status, "jack"), "xruns");
    if (facts.new_xruns.value_or(0) > 0)
        out.push_back({Verdict::bad, "clicks",
                       fmt::format("{} xruns while this looked, {} since JACK started", *facts.new_xruns, all),
                       "a longer period: \"matriz-setup --period auto\" finds the shortest clean one"});
    else
        out.push_back(
            {all > 0 ? Verdict::note : Verdict::good,
             "clicks",
             all > 0 ? fmt::format("none now; {} xruns since JACK started", all) : "no xruns since JACK started",
             {}});
}

void judge_governor(const Facts& facts, Findings& out) {
    const std::set<std::string> kinds(facts.machine.governors.begin(), facts.machine.governors.end());
    if (kinds.empty())
        out.push_back({Verdict::note, "CPU speed", "nothing to set on this machine", {}});
    else if (kinds == std::set<std::string>{"performance"})
        out.push_back({Verdict::good, "CPU speed", "always full", {}});
    else
        out.push_back({Verdict::warning, "CPU speed",
                       fmt::format("changes as it likes (governor {}), which makes audio late", fmt::join(kinds, ", ")),
                       "systemctl enable --now matriz-governor"});
}

void judge_clock(const Facts& facts, Findings& out) {
    const auto synchronised = facts.machine.clock_synchronised;
    if (!synchronised)
        out.push_back({Verdict::note, "clock", "cannot be told", {}});
    else if (*synchronised)
        out.push_back({Verdict::good, "clock", "follows the network's time", {}});
    else
        out.push_back({Verdict::warning, "clock",
                       "is not set by the network's time; certificates and recordings go by it",
                       "timedatectl set-ntp true"});
}

/// Can others be met by WebRTC, so that they need no port of this place's router?
bool meets_by_webrtc(const Facts& facts) {
    return facts.stun && !facts.stun->seen_at.empty() && facts.place.config &&
           facts.place.config->transport != node::Transport::rtsp;
}

/// The server could not open a connection: what that means depends on whether there is another way.
Finding closed_from_outside(const Facts& facts, const std::string& text) {
    const char* const how =
        "open or forward the node's ports on the router and in this machine's firewall: TCP 8554 and "
        "UDP 8600-8700 unless configured";
    if (!meets_by_webrtc(facts)) return {Verdict::bad, "from outside", text, how};
    return {Verdict::note, "from outside", text + "; only original nodes and RTSP players need that",
            "nothing to do where all play by WebRTC; else " + std::string(how)};
}

void judge_registration(const Facts& facts, Findings& out) {
    const Json::Value& server = part(*facts.status, "server");
    if (!server.isObject()) {
        out.push_back({Verdict::note, "server", "the config names none: a direct link, or only sending", {}});
        return;
    }
    const std::string url = text_of(server, "url");
    if (text_of(server, "state") != "registered") {
        const std::string why = text_of(server, "last_error");
        out.push_back({Verdict::bad, "server", fmt::format("{}: not registered{}", url, why.empty() ? "" : ": " + why),
                       "check url and key in client.json, and that the server runs; the node goes on trying"});
        return;
    }
    out.push_back(
        {Verdict::good, "server", fmt::format("{} knows this place, at {}", url, text_of(server, "own_address")), {}});
    const Json::Value& reachable = server["reachable"];
    if (reachable.isBool() && !reachable.asBool())
        out.push_back(closed_from_outside(facts, "the config server could not reach this place's stream"));
    else if (reachable.isBool())
        out.push_back({Verdict::good,
                       "from outside",
                       "the config server reaches this place's RTSP port, by TCP; it tries no UDP",
                       {}});
    else
        out.push_back({Verdict::note, "from outside",
                       "the config server has not said yet whether it reaches this place's RTSP port",
                       "ask again in ten seconds; an original server never tells"});
}

void judge_visit(const Facts& facts, Findings& out) {
    if (!facts.server) return;
    const ServerVisit& visit = *facts.server;
    const std::string url = facts.place.config ? facts.place.config->server_url() : "";
    if (!visit.key_accepted) {
        out.push_back({Verdict::bad, "server", fmt::format("{}: {}", printable(url), printable(visit.error)),
                       "check url and key in client.json, and that the server runs"});
        return;
    }
    out.push_back({Verdict::good,
                   "server",
                   fmt::format("{} takes the key, for the name {}, and sees this place at {}", printable(url),
                               printable(visit.own_name), printable(visit.own_address)),
                   {}});
    if (visit.reachable)
        out.push_back({Verdict::good,
                       "from outside",
                       "the config server reaches this place's RTSP port, by TCP; it tries no UDP",
                       {}});
    else
        out.push_back(closed_from_outside(
            facts,
            fmt::format("the config server cannot reach TCP port {} of {}{}", facts.place.config->port,
                        printable(visit.own_address), visit.port_taken ? ", which another program here has" : "")));
}

void judge_identity(const Facts& facts, Findings& out) {
    if (!facts.identity) return;
    const IdentityFile& file = *facts.identity;
    const char* const subject = "identity";
    const std::string path = printable(file.path);
    if (!file.readable)
        out.push_back({Verdict::note, subject, "only the node's user may read " + path,
                       "run matrizctl doctor as that user, or as root, to have it looked at"});
    else if (!file.exists && facts.status)
        out.push_back({Verdict::warning, subject, "there is no " + path + ": the node is heard in the clear, by RTSP",
                       "let the node's user write there, or name another folder as state_dir, and restart the node"});
    else if (!file.exists)
        out.push_back({Verdict::note, subject, "the node makes " + path + " at its first start", {}});
    else if (!file.error.empty())
        out.push_back({Verdict::bad, subject, printable(file.error),
                       "put a copy back, or remove it: the node makes another, which pinned places must accept anew"});
    else
        out.push_back({Verdict::good, subject, "others know this place by " + file.fingerprint, {}});
}

void judge_stun(const Facts& facts, Findings& out) {
    if (!facts.stun) return;
    const std::string server = printable(facts.stun->server);
    if (facts.stun->seen_at.empty())
        out.push_back({Verdict::warning, "way out",
                       fmt::format("{} does not tell how the world sees this place (STUN): no answer", server),
                       "a firewall, here or there, that lets UDP through to it; without, only places in this network, "
                       "with open ports, or over a TURN server are heard"});
    else
        out.push_back({Verdict::good,
                       "way out",
                       fmt::format("{} sees this place's UDP at {}", server, printable(facts.stun->seen_at)),
                       {}});
}

/// What the node's connections met with, though they may do without.
void judge_turn(const Facts& facts, Findings& out) {
    if (!facts.status || !part(*facts.status, "peers").isArray()) return;
    std::set<std::string> said;
    for (const Json::Value& peer : (*facts.status)["peers"])
        if (const std::string trouble = text_of(peer, "turn_trouble"); !trouble.empty() && said.insert(trouble).second)
            out.push_back({Verdict::warning, "relay", trouble,
                           "whoever runs the config server: do the secret and the addresses of its ice_servers fit the "
                           "TURN server? Who cannot be met directly is not heard without one"});
}

void judge_router(const Facts& facts, Findings& out) {
    if (!facts.status || !part(*facts.status, "router").isObject()) return;
    const Json::Value& router = part(*facts.status, "router");
    const std::string state = text_of(router, "state");
    const Verdict verdict = state == "open"                                ? Verdict::good
                            : state == "no router" || state == "searching" ? Verdict::note
                                                                           : Verdict::warning;
    out.push_back({verdict, "router", text_of(router, "text"), {}});
}

void judge_certificates(const Facts& facts, Findings& out) {
    for (const Certificate& certificate : facts.certificates) {
        const std::string whose = printable(certificate.whose);
        if (!certificate.error.empty())
            out.push_back(
                {Verdict::bad, "certificate", fmt::format("{}: {}", whose, printable(certificate.error)), {}});
        else if (!certificate.days_left)
            out.push_back({Verdict::note, "certificate", whose + " does not say when it ends", {}});
        else if (*certificate.days_left < 0)
            out.push_back({Verdict::bad, "certificate", fmt::format("{} is over", whose), "renew it"});
        else
            out.push_back({*certificate.days_left < nearly_over ? Verdict::warning : Verdict::good, "certificate",
                           fmt::format("{} is valid for {:.0f} more days", whose, *certificate.days_left),
                           *certificate.days_left < nearly_over ? "renew it" : ""});
    }
}

const char* const raise_mtu = "a tunnel or VPN takes too much; raise its MTU, or go around it";

void judge_mtus(const Facts& facts, Findings& out) {
    for (const PathMtu& mtu : facts.mtus) {
        const std::string towards = printable(mtu.towards);
        if (mtu.bytes < smallest_mtu)
            out.push_back({Verdict::bad, "packet size",
                           fmt::format("only {} bytes fit on the way to {}, and audio needs {}", mtu.bytes, towards,
                                       smallest_mtu),
                           raise_mtu});
        else
            out.push_back({Verdict::good,
                           "packet size",
                           fmt::format("the route to {} is for {} bytes, as far as this machine knows without trying",
                                       towards, mtu.bytes),
                           {}});
    }
}

void judge_big_packet(const Facts& facts, Findings& out) {
    if (!facts.big_packet) return;
    const BigPacket& packet = *facts.big_packet;
    const char* const subject = "big packets";
    const std::string server = printable(packet.server);
    switch (packet.result) {
        case BigPacket::Result::passed:
            out.push_back({Verdict::good,
                           subject,
                           fmt::format("one of {} bytes, audio's largest, has reached {}", packet.bytes, server),
                           {}});
            break;
        case BigPacket::Result::refused:
            out.push_back({Verdict::bad, subject,
                           fmt::format("only {} bytes fit on the way to {}, and audio needs {}", packet.limit, server,
                                       packet.bytes),
                           raise_mtu});
            break;
        case BigPacket::Result::silent:
            out.push_back({Verdict::note,
                           subject,
                           fmt::format("one of {} bytes, audio's largest, went to {}, and no router on the way has "
                                       "refused it; whether it arrived is not known: that server answers none so large",
                                       packet.bytes, server),
                           {}});
            break;
    }
}

void judge_peers(const Facts& facts, Findings& out) {
    if (!facts.status || !part(*facts.status, "peers").isArray()) return;
    for (const Json::Value& peer : (*facts.status)["peers"]) {
        const std::string state = text_of(peer, "state");
        const std::string reason = text_of(peer, "reason");
        if (state == "playing")
            out.push_back({Verdict::good, "peer", text_of(peer, "name") + " is heard", {}});
        else
            out.push_back({Verdict::warning, "peer",
                           fmt::format("{} is not heard: {}{}", text_of(peer, "name"), state,
                                       reason.empty() ? "" : ", " + reason),
                           "if only this one is missing, the doctor of that place knows more"});
    }
}

void judge_room(const Facts& facts, Findings& out) {
    if (!facts.place.config || !facts.place.config->record || !facts.machine.free_bytes) return;
    const std::uint64_t bytes = *facts.machine.free_bytes;
    const bool little = bytes < little_room;
    out.push_back(
        {little ? Verdict::warning : Verdict::good, "recording",
         fmt::format("{:.1f} GB free in {}", static_cast<double>(bytes) / 1e9, facts.place.config->record_dir),
         little ? "make room: a stereo WAV takes 0.7 GB an hour" : ""});
}

}  // namespace

std::vector<Finding> judge(const Facts& facts) {
    Findings out;
    judge_place(facts, out);
    judge_node(facts, out);
    judge_card(facts, out);
    judge_jack(facts, out);
    judge_realtime(facts, out);
    judge_memory(facts, out);
    judge_xruns(facts, out);
    judge_governor(facts, out);
    judge_clock(facts, out);
    if (facts.status)
        judge_registration(facts, out);
    else
        judge_visit(facts, out);
    judge_stun(facts, out);
    judge_turn(facts, out);
    judge_identity(facts, out);
    judge_router(facts, out);
    judge_certificates(facts, out);
    judge_mtus(facts, out);
    judge_big_packet(facts, out);
    judge_peers(facts, out);
    judge_room(facts, out);
    return out;
}

}  // namespace matriz::ctl::doctor
