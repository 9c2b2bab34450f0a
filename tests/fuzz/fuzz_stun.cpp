// SPDX-License-Identifier: GPL-3.0-or-later
// STUN requests, which any stranger may send.
#include <cstdint>
#include <cstdlib>

#include "configserver/ice/stun.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace matriz;
    for (const char* from : {"192.0.2.1", "2001:db8::1"}) {
        const auto answer = ice::answer_binding({data, size}, net::IpAddress::parse(from).value(), 4242);
        if (answer.size() > ice::max_stun_answer) std::abort();
        if (!answer.empty() && (answer.size() < ice::stun_header || answer[0] != 0x01)) std::abort();
        // An answer is no request: two servers cannot be made to talk to each other.
        if (!answer.empty() && !ice::answer_binding(answer, net::IpAddress::parse(from).value(), 1).empty())
            std::abort();
    }
    return 0;
}
