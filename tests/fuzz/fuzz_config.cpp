// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes as a node's config: read, or refused with the place and the cause of each error.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/config/document.hpp"
#include "node/config/config.hpp"

namespace {

using namespace matriz;

void check(bool holds) {
    if (!holds) std::abort();
}

void check_problems(const config::Problems& problems, std::string_view text) {
    // jsoncpp takes a lone carriage return for the end of a line, too.
    const auto lines = 1 + std::count_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; });
    for (const config::Problem& problem : problems) {
        check(problem.file == "client.json" && problem.line >= 0 && problem.line <= lines);
        check(!problem.text.empty() && !problem.str().empty());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    config::Problems warnings;
    try {
        const node::NodeConfig config = node::schema().load(config::Document::parse(text, "client.json"), warnings);
        check(config.port != 0 && config.channels >= 1 && config.channels <= 8);
        check(config.udp_ports.first < config.udp_ports.last && config.effective_bitrate() > 0);
        check(config::is_utf8(config.name) && config::is_utf8(config.jack_client));
    } catch (const config::ConfigError& error) {
        check(!error.problems().empty());
        check_problems(error.problems(), text);
    }
    check_problems(warnings, text);
    return 0;
}
