// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "common/protocol/codec.hpp"

namespace matriz::protocol::test {

/// What Malformed says about `text`; "understood" when it is none.
template <class Decode>
std::string fault_of(Decode decode, std::string_view text) {
    try {
        decode(text);
        return "understood";
    } catch (const Malformed& error) {
        return error.what();
    }
}
inline std::string client_fault(std::string_view text) { return fault_of(decode_client_message, text); }
inline std::string server_fault(std::string_view text) { return fault_of(decode_server_message, text); }

/// As some original clients send it: the object as text inside a JSON string.
inline std::string escaped(const std::string& text) { return Json::valueToQuotedString(text.c_str()); }

}  // namespace matriz::protocol::test
