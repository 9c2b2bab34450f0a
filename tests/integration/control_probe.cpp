// SPDX-License-Identifier: GPL-3.0-or-later
// The node's link to the config server without the rest of the node, for tests and to try by hand:
//   control_probe URL NAME KEY [CA-FILE [CERTIFICATE-FILE KEY-FILE]]
// Commands of the node's console come from standard input, the log goes to standard error, each new list is a line
// "list: NAME… as OWN-NAME" of it, followed by one "ice: URL USERNAME" for each STUN or TURN server. Whoever is listed
// is sent the signal {"hello":OWN-NAME}; each signal that comes is a line "signal from NAME: BODY".
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/glib/ref.hpp"
#include "common/protocol/json.hpp"
#include "common/protocol/version.hpp"
#include "node/control/console.hpp"
#include "node/control/control.hpp"

namespace {

using namespace matriz;

int run(const std::vector<std::string>& arguments) {
    const log::Logger log("probe");
    const auto loop = glib::Ref<GMainLoop>::adopt(g_main_loop_new(nullptr, FALSE));
    const auto argument = [&arguments](std::size_t i) { return i < arguments.size() ? arguments[i] : std::string(); };
    control::Control* self = nullptr;
    control::Control control(
        {.url = argument(0), .ca_crt = argument(3), .client_crt = argument(4), .client_pem = argument(5)},
        {.name = argument(1), .key = argument(2), .port = 8554, .version = protocol::version},
        [&log, &self](const control::action::Publish& list) {
            std::string names;
            for (const auto& client : list.clients) names += " " + client.name;
            log.info("list:{} as {}", names, list.own_name);
            for (const auto& server : self->ice_servers()) log.info("ice: {} {}", server.urls.front(), server.username);
            Json::Value hello(Json::objectValue);
            hello["hello"] = list.own_name;
            for (const auto& client : list.clients)
                if (client.name != list.own_name) self->signal(client.name, hello);
        });
    self = &control;
    control.on_signal([&log](const std::string& from, const Json::Value& body) {
        log.info("signal from {}: {}", from, protocol::write(body));
    });
    control.start();
    const control::Console console(STDIN_FILENO,
                                   {.command =
                                        [&](control::Command command) {
                                            switch (command) {
                                                case control::Command::end:
                                                    control.leave(false, [&] { g_main_loop_quit(loop.get()); });
                                                    break;
                                                case control::Command::deregister:
                                                    control.leave(true);
                                                    break;
                                                case control::Command::join:
                                                    control.start();
                                                    break;
                                                case control::Command::help:
                                                    break;
                                            }
                                        },
                                    .unknown = [&log](std::string_view line) { log.info("unknown: {}", line); }});
    g_main_loop_run(loop.get());
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
    log::set_level(log::Level::debug);
    try {
        return run(std::vector<std::string>(argv + 1, argv + argc));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", describe(error).c_str());
        return 2;
    }
}
