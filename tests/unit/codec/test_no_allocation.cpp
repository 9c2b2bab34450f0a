// SPDX-License-Identifier: GPL-3.0-or-later
// The audio thread must not allocate: in this program malloc and free abort where that is forbidden.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "plugins/dsp/codec/encoder.hpp"
#include "tests/unit/codec/signals.hpp"

namespace {

thread_local bool forbidden = false;

/// Forbids allocation until it leaves scope.
struct AudioThread {
    AudioThread() { forbidden = true; }
    AudioThread(const AudioThread&) = delete;
    AudioThread& operator=(const AudioThread&) = delete;
    ~AudioThread() { forbidden = false; }
};

void check() {
    if (forbidden) std::abort();
}

}  // namespace

// glibc's own, which stay reachable when malloc is replaced.
extern "C" {
void* __libc_malloc(std::size_t);               // NOLINT
void* __libc_calloc(std::size_t, std::size_t);  // NOLINT
void* __libc_realloc(void*, std::size_t);       // NOLINT
void __libc_free(void*);                        // NOLINT

void* malloc(std::size_t size) {
    check();
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    check();
    return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
    check();
    return __libc_realloc(old, size);
}
void free(void* old) {
    check();
    __libc_free(old);
}
}

namespace matriz::dsp {
namespace {

TEST(NoAllocation, IsReallyNoticed) {
    EXPECT_DEATH(
        {
            const AudioThread here;
            std::vector<float> samples(100);
            samples.data()[0] = 1;
            asm volatile("" : : "r"(samples.data()) : "memory");
        },
        "");
}

class NoAllocation : public testing::TestWithParam<StreamFormat> {};

TEST_P(NoAllocation, InAnyCallOfADecoder) {
    const StreamFormat& format = GetParam();
    const auto encoder = make_encoder({.format = format});
    const auto decoder = make_decoder(format);
    const int frames = encoder->frame();
    const auto signal = test::voice(4800, 3);
    std::vector<float> in(static_cast<std::size_t>(frames * format.channels));
    std::vector<float> out(static_cast<std::size_t>(5760 * format.channels));
    std::array<std::uint8_t, max_encoded_size> packet{};
    std::mt19937 random(1);  // NOLINT: repeatable
    for (int round = 0; round < 300; ++round) {
        for (std::size_t i = 0; i < in.size(); ++i) in[i] = signal[(i + static_cast<std::size_t>(round) * 64) % 4800];
        const AudioThread here;
        std::size_t size = encoder->encode(in.data(), packet);
        if (round % 5 == 1) size = random() % (size + 1);
        if (round % 7 == 1) packet[random() % packet.size()] = static_cast<std::uint8_t>(random());
        const std::span payload = std::span(packet).first(size);
        if (round % 3 == 0 || !decoder->decode(payload, out.data(), 5760))
            decoder->conceal(out.data(), 1 + static_cast<int>(random() % 300));
        if (round % 100 == 99) decoder->reset();
    }
}

INSTANTIATE_TEST_SUITE_P(Codecs, NoAllocation,
                         testing::Values(StreamFormat{.codec = CodecId::opus, .frame = {120}},
                                         StreamFormat{.codec = CodecId::opus, .channels = 8, .frame = {960}},
                                         StreamFormat{.codec = CodecId::opus_custom, .frame = {64}},
                                         StreamFormat{.codec = CodecId::opus_custom, .channels = 5, .frame = {128}},
                                         StreamFormat{.codec = CodecId::pcm16, .frame = {64}},
                                         StreamFormat{.codec = CodecId::pcm24, .channels = 8, .frame = {16}},
                                         StreamFormat{.codec = CodecId::float32, .channels = 1, .frame = {256}}),
                         [](const auto& test) {
                             const bool custom = test.param.codec == CodecId::opus_custom;
                             return (custom ? std::string("opus_custom") : std::string(name(test.param.codec))) +
                                    std::to_string(test.param.channels);
                         });

}  // namespace
}  // namespace matriz::dsp
