// SPDX-License-Identifier: GPL-3.0-or-later
// The head of an HTTP request.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "configserver/http/request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace matriz::http;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const ParsedHead head = parse_head(text, 8192);
    if (head.length > size || head.length > 8192) std::abort();
    if (head.length > 0 && !head.refusal) {
        const Request& request = head.request;
        if (request.path.empty() || request.path.front() != '/') std::abort();
        for (const auto& [name, value] : request.headers)
            if (name.empty() || value.find_first_of("\r\n") != std::string::npos) std::abort();
        request.header_has("connection", "upgrade");
        request.header_list("x-forwarded-for");
        query_value(request.query, "name");
        if (const auto key = request.header("sec-websocket-key")) websocket_accept(*key);
        // The same bytes, cut anywhere, are read the same.
        if (parse_head(text.substr(0, head.length), 8192).length != head.length) std::abort();
    }
    return 0;
}
