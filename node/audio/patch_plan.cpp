// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/audio/patch_plan.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace matriz::node::audio {
namespace {

using Patches = std::vector<JackConnect::Patch>;

void patch_sending(const PortSnapshot& now, Patches& wanted) {
    const auto& inputs = now.physical_outputs;
    if (inputs.empty()) return;
    for (std::size_t i = 0; i < now.sending.size(); ++i) {
        if (inputs.size() > 1 && i >= inputs.size()) break;
        wanted.push_back({inputs[inputs.size() == 1 ? 0 : i], now.sending[i]});
    }
}

/// Channel number behind the last underscore: "matriz:porto_2" -> ("matriz:porto", 2).
std::pair<std::string, std::size_t> split_channel(const std::string& port) {
    const auto underscore = port.rfind('_');
    if (underscore == std::string::npos) return {port, 1};
    const auto channel = static_cast<std::size_t>(std::strtoul(port.c_str() + underscore + 1, nullptr, 10));
    return {port.substr(0, underscore), std::max<std::size_t>(1, channel)};
}

void patch_receiving(const PortSnapshot& now, Patches& wanted) {
    const auto& outputs = now.physical_inputs;
    if (outputs.empty()) return;
    std::map<std::string, std::size_t> channels;
    for (const std::string& port : now.receiving) {
        const auto [peer, channel] = split_channel(port);
        channels[peer] = std::max(channels[peer], channel);
    }
    for (const std::string& port : now.receiving) {
        const auto [peer, channel] = split_channel(port);
        const std::size_t ears = std::min<std::size_t>(2, outputs.size());
        if (channels[peer] == 1)
            for (std::size_t ear = 0; ear < ears; ++ear) wanted.push_back({port, outputs[ear]});
        else
            wanted.push_back({port, outputs[(channel - 1) % outputs.size()]});
    }
}

}  // namespace

Patches plan_patches(const JackConnect& wish, const PortSnapshot& before, const PortSnapshot& now) {
    Patches wanted;
    switch (wish.mode) {
        case JackConnect::Mode::none:
            break;
        case JackConnect::Mode::list:
            wanted = wish.patches;
            break;
        case JackConnect::Mode::automatic:
            patch_sending(now, wanted);
            patch_receiving(now, wanted);
            break;
    }
    std::erase_if(wanted, [&](const JackConnect::Patch& patch) {
        const bool both_there = now.all.contains(patch.from) && now.all.contains(patch.to);
        const bool both_old = before.all.contains(patch.from) && before.all.contains(patch.to);
        return !both_there || both_old;
    });
    return wanted;
}

}  // namespace matriz::node::audio
