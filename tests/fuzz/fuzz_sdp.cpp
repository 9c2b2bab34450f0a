// SPDX-License-Identifier: GPL-3.0-or-later
// A peer's session description: what is understood of it keeps to its limits, survives being written and read again,
// and is what GStreamer understands of it.
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/protocol/codec.hpp"
#include "node/webrtc/sdp.hpp"
#include "node/webrtc/signal.hpp"
#include "node/webrtc/streams.hpp"
#include "node/webrtc/webrtc_api.hpp"

namespace {

using namespace matriz;
using namespace matriz::webrtc;

void check(bool holds) {
    if (!holds) std::abort();
}

void understand(const std::string& text, std::size_t m_lines) {
    GstSDPMessage* message = nullptr;
    check(gst_sdp_message_new_from_text(text.c_str(), &message) == GST_SDP_OK);
    check(gst_sdp_message_medias_len(message) == m_lines);
    gst_sdp_message_free(message);
}

void answer(Description offer) {
    const negotiation::Ask ask = negotiation::ask_for_everything({48000}, {64});
    const Sending sending{.sender = {.codec = dsp::CodecId::opus}, .channels = 2};
    const Description before = offer;
    const Choice choice = choose(offer, stream_for(std::nullopt, sending), ask);
    for (const int line : {choice.send_line, choice.hear_line}) check(line < static_cast<int>(offer.media.size()));
    if (choice.hear_line >= 0) check(stream_of(choice.hear).has_value());
    for (std::size_t i = 0; i < offer.media.size(); ++i) {
        Media& media = offer.media[i];
        if (media.data || media.rejected) continue;
        check(media.formats.size() == 1);
        // Never a way that was not offered.
        check(!sends(media.direction) || sends(before.media[i].direction));
        check(!receives(media.direction) || receives(before.media[i].direction));
        media.direction = reversed(media.direction);
        media.setup = "active";
    }
    for (Media& media : offer.media)
        if (media.setup == "actpass") media.setup = "passive";
    check_answer(before, offer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    gst_init(nullptr, nullptr);
    try {
        const Description description = parse_sdp({reinterpret_cast<const char*>(data), size});
        check(size <= max_sdp && !description.media.empty() && description.media.size() <= max_media);
        const std::string written = write_sdp(description);
        check(parse_sdp(written) == description);
        understand(written, description.media.size());
        for (const Media& media : description.media)
            for (const Format& format : media.formats) {
                check(caps_of(format, 1).get() != nullptr);
                stream_of(format);
            }
        fingerprint_of(description);
        answer(description);
    } catch (const protocol::Malformed&) {
    }
    return 0;
}
