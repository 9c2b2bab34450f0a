// SPDX-License-Identifier: GPL-3.0-or-later
// Reports have a reader of their own, for its speed. Whatever it takes, the JSON library takes as the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/protocol/codec.hpp"
#include "common/protocol/limits.hpp"
#include "common/protocol/report_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace matriz::protocol;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto plain = read_plain_report(text);
    if (!plain) return 0;
    if (plain->links.empty() || plain->links.size() > max_clients) std::abort();
    // A member that the reader does not know sends the same text to the library.
    const std::size_t open = text.find('{') + 1;
    const std::string other = std::string(text.substr(0, open)) + R"("x":null,)" + std::string(text.substr(open));
    if (other.size() > max_message) return 0;
    if (read_plain_report(other)) std::abort();
    if (std::get<Report>(decode_client_message(other)) != *plain)
        std::abort();  // throws if it is not understood: no less a fault
    return 0;
}
