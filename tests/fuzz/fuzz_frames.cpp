// SPDX-License-Identifier: GPL-3.0-or-later
// Websocket frames from a client: the same events however the bytes are cut, and never more memory than one message.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/document.hpp"
#include "configserver/http/frame.hpp"

namespace {

using matriz::http::FrameDecoder;
constexpr std::size_t max_message = 4096;

std::vector<FrameDecoder::Event> decode(std::string_view data, std::size_t piece) {
    FrameDecoder decoder(max_message);
    std::vector<FrameDecoder::Event> events;
    while (!data.empty()) {
        std::string_view part = data.substr(0, piece);
        data.remove_prefix(part.size());
        while (!part.empty()) {
            auto event = decoder.next(part);
            if (event.kind != FrameDecoder::Kind::need_more) events.push_back(std::move(event));
            if (decoder.held() > 4 * max_message) std::abort();
        }
    }
    return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto whole = decode(bytes, size + 1);
    for (const std::size_t piece : {1U, 7U}) {
        const auto pieces = decode(bytes, piece);
        if (pieces.size() != whole.size()) std::abort();
        for (std::size_t i = 0; i < whole.size(); ++i)
            if (pieces[i].kind != whole[i].kind || pieces[i].data != whole[i].data || pieces[i].code != whole[i].code)
                std::abort();
    }
    for (const auto& event : whole)
        if (event.kind == FrameDecoder::Kind::text &&
            (event.data.size() > max_message || !matriz::config::is_utf8(event.data)))
            std::abort();
    return 0;
}
