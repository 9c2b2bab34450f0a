// SPDX-License-Identifier: GPL-3.0-or-later
// What a stranger can send to an RTP port: header, RED blocks and the payload of each codec. The first byte chooses the
// codec and the number of channels.
#include <array>
#include <cstdlib>
#include <vector>

#include "plugins/dsp/codec/codec.hpp"
#include "plugins/dsp/rtp/packet.hpp"
#include "plugins/dsp/rtp/red.hpp"

namespace {

using namespace matriz;
using namespace matriz::dsp;

constexpr int max_frames = 5760;

void check(bool holds) {
    if (!holds) std::abort();
}

bool inside(std::span<const std::uint8_t> part, std::span<const std::uint8_t> whole) {
    return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void decode(Decoder& decoder, std::span<const std::uint8_t> payload, int channels) {
    static std::vector<float> out(std::size_t{max_frames} * max_channels + 1);
    const auto guard = static_cast<std::size_t>(max_frames * channels);
    out[guard] = 0.25F;
    const auto expected = decoder.frames_in(payload);
    const auto frames = decoder.decode(payload, out.data(), max_frames);
    if (frames) check(expected && *frames == *expected && *frames > 0 && *frames <= max_frames);
    check(out[guard] == 0.25F);
    decoder.conceal(out.data(), 77);
}

/// One decoder a format, kept from input to input: what hostile packets leave behind matters too.
Decoder* decoder_for(std::uint8_t choice, int& channels) {
    static constexpr std::array codecs{CodecId::opus, CodecId::pcm16, CodecId::pcm24, CodecId::float32,
                                       CodecId::opus_custom};
    static std::array<std::array<std::unique_ptr<Decoder>, max_channels>, codecs.size()> decoders;
    const std::size_t codec = choice % codecs.size();
    channels = 1 + choice / 8 % max_channels;
    auto& slot = decoders[codec][static_cast<std::size_t>(channels - 1)];
    if (!slot) slot = make_decoder({.codec = codecs[codec], .channels = channels, .frame = {64}});
    return slot.get();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::span datagram(data + 1, size - 1);
    const auto packet = parse_rtp(datagram);
    if (!packet) return 0;
    check(inside(packet->payload, datagram) && inside(packet->csrcs, datagram));
    if (packet->extension) check(inside(packet->extension->data, datagram));

    int channels = 0;
    Decoder* const decoder = decoder_for(data[0], channels);
    decode(*decoder, packet->payload, channels);
    if (const auto blocks = parse_red(packet->header.time, packet->payload)) {
        check(blocks->size() > 0 && blocks->size() <= RedBlocks::capacity);
        for (const RedBlock& block : *blocks) {
            check(inside(block.payload, packet->payload));
            decode(*decoder, block.payload, channels);
        }
    }
    return 0;
}
