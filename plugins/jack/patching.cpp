// SPDX-License-Identifier: GPL-3.0-or-later
#include <cerrno>
#include <memory>

#include "plugins/jack/client.hpp"

namespace matriz::jack {

std::vector<Port> Client::ports() const {
    const std::lock_guard lock(mutex_);
    std::vector<Port> all;
    if (!handle_ || lost_) return all;
    const std::unique_ptr<const char*, decltype(&jack_free)> names(
        jack_get_ports(handle_, nullptr, JACK_DEFAULT_AUDIO_TYPE, 0), [](void* list) { jack_free(list); });
    for (const char** name = names.get(); name != nullptr && *name != nullptr; ++name) {
        const jack_port_t* port = jack_port_by_name(handle_, *name);
        const int flags = port != nullptr ? jack_port_flags(port) : 0;
        if (flags != 0) all.push_back({*name, (flags & JackPortIsOutput) != 0, (flags & JackPortIsPhysical) != 0});
    }
    return all;
}

std::string Client::connect(const std::string& from, const std::string& to) {
    const std::lock_guard lock(mutex_);
    if (!handle_ || lost_) return "the JACK server is not there";
    const int result = jack_connect(handle_, from.c_str(), to.c_str());
    if (result == 0 || result == EEXIST) return {};
    return "JACK refuses it: is the first an output and the second an input?";
}

}  // namespace matriz::jack
