// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/audio/patchbay.hpp"

#include <utility>

namespace matriz::node::audio {

Patchbay::Patchbay(JackConnect wish, std::shared_ptr<jack::Client> client)
    : wish_(std::move(wish)), client_(std::move(client)) {}

PortSnapshot Patchbay::take() const {
    PortSnapshot snapshot;
    const std::string sending = client_->name() + "-send:";
    const std::string receiving = client_->name() + ":";
    for (const jack::Port& port : client_->ports()) {
        if (port.physical) (port.output ? snapshot.physical_outputs : snapshot.physical_inputs).push_back(port.name);
        if (port.name.starts_with(sending) && !port.output) snapshot.sending.push_back(port.name);
        if (port.name.starts_with(receiving) && port.output) snapshot.receiving.push_back(port.name);
        snapshot.all.insert(port.name);
    }
    return snapshot;
}

void Patchbay::update() {
    if (wish_.mode == JackConnect::Mode::none) return;
    PortSnapshot now = take();
    if (now == before_) return;
    for (const JackConnect::Patch& patch : plan_patches(wish_, before_, now)) {
        const std::string problem = client_->connect(patch.from, patch.to);
        if (problem.empty())
            log_.info("connected {} to {}", patch.from, patch.to);
        else
            log_.warning("cannot connect {} to {}: {}; connect them by hand, or correct jack_connect", patch.from,
                         patch.to, problem);
    }
    before_ = std::move(now);
}

}  // namespace matriz::node::audio
