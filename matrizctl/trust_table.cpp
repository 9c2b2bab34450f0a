// SPDX-License-Identifier: GPL-3.0-or-later
#include "matrizctl/trust_table.hpp"

#include <algorithm>

#include "matrizctl/text.hpp"

namespace matriz::ctl {
namespace {

std::string text(const Json::Value& object, const char* key, const char* otherwise) {
    const Json::Value& value = object[key];
    return value.isString() && !value.asString().empty() ? printable(value.asString()) : otherwise;
}

}  // namespace

std::string render_trust(const Json::Value& trust) {
    if (!trust.isObject() || !trust["pinned"].isBool() || !trust["pinned"].asBool())
        return "This node trusts the config server for who its peers are (`trust` is \"server\"); nothing is pinned.\n";
    const Json::Value& peers = trust["peers"];
    if (!peers.isArray() || peers.empty()) return "No peer has proven yet who it is.\n";
    std::size_t width = 0;
    for (const Json::Value& peer : peers)
        if (peer.isObject()) width = std::max(width, width_of(text(peer, "name", "–")));
    std::string lines;
    for (const Json::Value& peer : peers) {
        if (!peer.isObject()) continue;
        const std::string name = text(peer, "name", "–");
        lines += padded(name, width, false) + "  " + text(peer, "fingerprint", "–") + "\n";
        if (!peer["refused"].isBool() || !peer["refused"].asBool()) continue;
        const std::string indent(width + 2, ' ');
        const bool in_the_clear = peer["in_the_clear"].isBool() && peer["in_the_clear"].asBool();
        const std::string offered = text(peer, "offered", "");
        if (!offered.empty() && in_the_clear)
            lines += indent + offered + ", unproven: its sound would come in the clear\n";
        else
            lines += indent + (offered.empty() ? "no certificate at all" : offered) + "\n";
        lines += indent + "is refused. If they say that it is theirs: matrizctl trust \"" + name + "\"\n";
    }
    return lines;
}

}  // namespace matriz::ctl
