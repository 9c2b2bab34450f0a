// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib.h>
#include <malloc.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "common/glib/error.hpp"
#include "node/app/app.hpp"
#include "node/config/config.hpp"
#include "node/gst/init.hpp"
#include "version.h"

namespace {

constexpr int exit_failure = 1;
constexpr int exit_bad_input = 2;  ///< config or command line
// Each connection has a dozen threads, and each new thread may take another arena of the C library's (there are eight
// for each processor), which keeps the most that was ever in it: memory would grow with every visit for hours.
constexpr int most_arenas = 4;

struct Arguments {
    std::string config = "client.json";
    bool check = false;
    bool debug = false;
    bool version = false;
    bool help_config = false;
    bool markdown = false;
};

/// "--help-config" or "--help-config=markdown".
gboolean parse_help_config(const gchar*, const gchar* form, gpointer data, GError** error) noexcept {
    auto& arguments = *static_cast<Arguments*>(data);
    arguments.help_config = true;
    arguments.markdown = g_strcmp0(form, "markdown") == 0;
    if (form == nullptr || arguments.markdown) return TRUE;
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--help-config knows no \"%s\", only markdown", form);
    return FALSE;
}

/// `--help` prints and exits inside GLib. Throws Error for unknown options.
Arguments parse(int argc, char** argv) {
    Arguments arguments;
    gboolean check = FALSE;
    gboolean debug = FALSE;
    gboolean version = FALSE;
    gchar** rest = nullptr;
    const GOptionEntry entries[] = {
        {"check", 0, 0, G_OPTION_ARG_NONE, &check, "Check the config and exit", nullptr},
        {"debug", 'd', 0, G_OPTION_ARG_NONE, &debug, "Log more", nullptr},
        {"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", nullptr},
        {"help-config", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK,
         reinterpret_cast<gpointer>(parse_help_config), "Explain every key of the config and exit", "markdown"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &rest, nullptr, "[CONFIG]"},
        {nullptr, 0, 0, G_OPTION_ARG_NONE, nullptr, nullptr, nullptr}};
    GOptionContext* context = g_option_context_new(nullptr);
    g_option_context_set_summary(context,
                                 "Play music together with the nodes that the config server lists.\n"
                                 "CONFIG is client.json unless given. On a terminal, type help for commands.");
    GOptionGroup* group = g_option_group_new("matriz", "", "", &arguments, nullptr);
    g_option_group_add_entries(group, entries);
    g_option_context_set_main_group(context, group);
    matriz::glib::ErrorSlot error;
    const bool parsed = g_option_context_parse(context, &argc, &argv, error.out()) != FALSE;
    g_option_context_free(context);
    arguments.check = check != FALSE;
    arguments.debug = debug != FALSE;
    arguments.version = version != FALSE;
    const guint count = rest != nullptr ? g_strv_length(rest) : 0;
    if (count > 0) arguments.config = rest[0];
    g_strfreev(rest);
    if (!parsed) throw matriz::Error("{}; see matriz --help", error.message());
    if (count > 1) throw matriz::Error("more than one config; see matriz --help");
    return arguments;
}

int play(const Arguments& arguments) {
    if (arguments.debug) matriz::log::set_level(matriz::log::Level::debug);
    const matriz::log::Logger log{"config"};
    matriz::config::Problems warnings;
    matriz::node::NodeConfig config;
    try {
        config = matriz::node::load_config(arguments.config, warnings);
    } catch (const matriz::config::ConfigError& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return exit_bad_input;
    }
    for (const auto& warning : warnings) log.warning("{}", warning.str());
    if (arguments.check) {
        std::printf("%s: OK\n", arguments.config.c_str());
        return 0;
    }
    matriz::gst::initialise();
    matriz::node::App app(std::move(config));
    app.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    // libjack writes to its server's socket, from any thread, even when the server has just gone.
    std::signal(SIGPIPE, SIG_IGN);
    mallopt(M_ARENA_MAX, most_arenas);
    Arguments arguments;
    try {
        arguments = parse(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "matriz: %s\n", matriz::describe(error).c_str());
        return exit_bad_input;
    }
    try {
        if (arguments.version) {
            std::printf("matriz %s\n", MATRIZ_VERSION);
            return 0;
        }
        if (arguments.help_config) {
            const auto docs = matriz::node::schema().docs();
            const std::string text =
                arguments.markdown ? matriz::config::markdown_table(docs) : matriz::config::help_text(docs);
            std::fputs(text.c_str(), stdout);
            return 0;
        }
        return play(arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "matriz: %s\n", matriz::describe(error).c_str());
        return exit_failure;
    }
}
