// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/jack/libjack.hpp"

#include <jack/jack.h>

#include <cstdlib>

#include "common/base/log.hpp"

namespace matriz::jack {

std::string server_name(const std::string& asked) {
    if (!asked.empty()) return asked;
    const char* chosen = std::getenv("JACK_DEFAULT_SERVER");
    return chosen != nullptr && *chosen != '\0' ? chosen : "default";
}

void log_libjack() {
    const auto write = [](const char* text) {
        static const log::Logger logger("libjack");
        logger.debug("{}", text);
    };
    jack_set_error_function(write);
    jack_set_info_function(write);
}

}  // namespace matriz::jack
