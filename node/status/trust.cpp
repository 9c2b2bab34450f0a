// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/status/trust.hpp"

#include <json/json.h>

namespace matriz::status {

std::string to_json(const Trust& trust) {
    Json::Value peers(Json::arrayValue);
    if (trust.known != nullptr) {
        for (const auto& entry : trust.known->entries()) {
            Json::Value peer(Json::objectValue);
            peer["name"] = entry.name;
            peer["fingerprint"] = entry.fingerprint;
            peer["refused"] = entry.refused;
            if (entry.refused) {
                peer["offered"] = entry.offered;
                peer["in_the_clear"] = entry.in_the_clear;
            }
            peers.append(std::move(peer));
        }
    }
    Json::Value json(Json::objectValue);
    json["pinned"] = trust.known != nullptr;
    json["peers"] = std::move(peers);
    Json::StreamWriterBuilder compact;
    compact["indentation"] = "";
    compact["emitUTF8"] = true;
    return Json::writeString(compact, json) + "\n";
}

}  // namespace matriz::status
