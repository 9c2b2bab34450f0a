// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>

#include "common/base/log.hpp"
#include "node/audio/patch_plan.hpp"
#include "plugins/jack/client.hpp"

namespace matriz::node::audio {

/// Makes the JACK connections that `jack_connect` asks for, as ports come. One thread, which may wait for
/// JACK.
class Patchbay {
  public:
    Patchbay(JackConnect wish, std::shared_ptr<jack::Client> client);

    /// Looks at the ports and connects what has become possible. Cheap when nothing changed; call it a few times a
    /// second and on changes.
    void update();

  private:
    PortSnapshot take() const;

    log::Logger log_{"patchbay"};
    JackConnect wish_;
    std::shared_ptr<jack::Client> client_;
    PortSnapshot before_;
};

}  // namespace matriz::node::audio
