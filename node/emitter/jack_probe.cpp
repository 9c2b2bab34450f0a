// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/jack_probe.hpp"

#include <jack/jack.h>

#include <cstdlib>
#include <memory>
#include <mutex>

#include "common/base/error.hpp"
#include "common/base/log.hpp"

namespace matriz::emitter {
namespace {

struct Close {
    void operator()(jack_client_t* client) const { jack_client_close(client); }
};

std::string shown_name(const std::string& server) {
    if (!server.empty()) return server;
    const char* chosen = std::getenv("JACK_DEFAULT_SERVER");
    return chosen != nullptr && *chosen != '\0' ? chosen : "default";
}

/// libjack writes on standard error by itself, several lines each time a server is not there.
void quieten_libjack() {
    static std::once_flag once;
    std::call_once(once, [] {
        jack_set_error_function([](const char* text) { log::Logger("libjack").debug("{}", text); });
        jack_set_info_function([](const char* text) { log::Logger("libjack").debug("{}", text); });
    });
}

}  // namespace

JackTiming probe_jack(const std::string& server, const std::string& client) {
    quieten_libjack();
    // JackUseExactName would fail with a status that does not say why.
    unsigned options = JackNoStartServer;
    if (!server.empty()) options |= JackServerName;
    jack_status_t status{};
    const std::unique_ptr<jack_client_t, Close> jack(
        jack_client_open(client.c_str(), static_cast<jack_options_t>(options), &status, server.c_str()));
    if (!jack && (status & JackVersionError) != 0)
        throw Error("the JACK server \"{}\" speaks another version of the protocol", shown_name(server));
    if (!jack) throw Error("the JACK server \"{}\" does not run", shown_name(server));
    if (client != jack_get_client_name(jack.get()))
        throw Error("another JACK client is already named \"{}\"; give this node another jack_client", client);
    return {.rate = SampleRate{jack_get_sample_rate(jack.get())}, .period = Frames{jack_get_buffer_size(jack.get())}};
}

}  // namespace matriz::emitter
