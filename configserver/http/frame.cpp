// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/http/frame.hpp"

#include <algorithm>
#include <utility>

#include "common/config/document.hpp"

namespace matriz::http {
namespace {

constexpr std::uint8_t continuation = 0x0;
constexpr std::uint8_t text_opcode = 0x1;
constexpr std::uint8_t binary_opcode = 0x2;
constexpr std::uint8_t close_opcode = 0x8;
constexpr std::uint8_t ping_opcode = 0x9;
constexpr std::uint8_t pong_opcode = 0xa;
constexpr std::size_t max_control = 125;
/// Empty ones would make a message without end that no limit of its size or of messages a second counts.
constexpr unsigned max_fragments = 4096;

std::string make_frame(std::uint8_t opcode, std::string_view payload) {
    std::string frame;
    frame.reserve(payload.size() + 10);
    frame += static_cast<char>(0x80 | opcode);
    const std::uint64_t size = payload.size();
    int length_bytes = 0;
    if (size < 126) {
        frame += static_cast<char>(size);
    } else if (size < 65536) {
        frame += static_cast<char>(126);
        length_bytes = 2;
    } else {
        frame += static_cast<char>(127);
        length_bytes = 8;
    }
    for (int i = length_bytes - 1; i >= 0; --i) frame += static_cast<char>(size >> (8 * i));
    frame += payload;
    return frame;
}

bool close_code_allowed(std::uint16_t code) {
    if (code >= 3000 && code <= 4999) return true;
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

}  // namespace

Frame text_frame(std::string_view text) { return std::make_shared<const std::string>(make_frame(text_opcode, text)); }
Frame ping_frame(std::string_view payload) {
    return std::make_shared<const std::string>(make_frame(ping_opcode, payload));
}
Frame pong_frame(std::string_view payload) {
    return std::make_shared<const std::string>(make_frame(pong_opcode, payload));
}

Frame close_frame(std::uint16_t code, std::string_view reason) {
    reason = reason.substr(0, max_control - 2);
    while (!reason.empty() && !config::is_utf8(reason)) reason.remove_suffix(1);
    std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    payload += reason;
    return std::make_shared<const std::string>(make_frame(close_opcode, payload));
}

FrameDecoder::Event FrameDecoder::fail(std::uint16_t code, const char* reason) {
    failed_ = true;
    message_ = {};
    control_ = {};
    return {Kind::error, reason, code};
}

FrameDecoder::Event FrameDecoder::next(std::string_view& data) {
    if (failed_) {
        data = {};
        return {};
    }
    while (true) {
        if (!in_payload_) {
            if (!take_header(data)) return {};
            if (Event event = check_header(); event.kind != Kind::need_more) return event;
        }
        take_payload(data);
        if (taken_ < length_) return {};
        in_payload_ = false;
        if (Event event = finish_frame(); event.kind != Kind::need_more) return event;
    }
}

bool FrameDecoder::take_header(std::string_view& data) {
    const auto need = [this]() -> std::size_t {
        if (header_have_ < 2) return 2;
        const std::uint8_t length = header_[1] & 0x7f;
        return 2 + (length == 126 ? 2U : length == 127 ? 8U : 0U) + ((header_[1] & 0x80) != 0 ? 4U : 0U);
    };
    while (header_have_ < need()) {
        if (data.empty()) return false;
        header_[header_have_++] = static_cast<std::uint8_t>(data.front());
        data.remove_prefix(1);
    }
    header_have_ = 0;
    return true;
}

FrameDecoder::Event FrameDecoder::check_header() {
    fin_ = (header_[0] & 0x80) != 0;
    opcode_ = header_[0] & 0x0f;
    const bool control = (opcode_ & 0x08) != 0;
    if ((header_[0] & 0x70) != 0) return fail(close_code::protocol_error, "reserved bits are set");
    if ((header_[1] & 0x80) == 0) return fail(close_code::protocol_error, "a client's frames are masked");
    length_ = header_[1] & 0x7f;
    std::size_t at = 2;
    if (length_ >= 126) {
        const std::size_t bytes = length_ == 126 ? 2 : 8;
        const std::uint64_t smallest = length_ == 126 ? 126 : 65536;
        length_ = 0;
        for (std::size_t i = 0; i < bytes; ++i) length_ = (length_ << 8) | header_[at++];
        if (length_ < smallest || (length_ >> 63) != 0)
            return fail(close_code::protocol_error, "a length is not in its shortest form");
    }
    std::copy_n(header_ + at, 4, mask_);
    taken_ = 0;
    in_payload_ = true;
    if (control) {
        if (opcode_ > pong_opcode) return fail(close_code::protocol_error, "unknown control frame");
        if (!fin_) return fail(close_code::protocol_error, "a control frame is fragmented");
        if (length_ > max_control) return fail(close_code::protocol_error, "a control frame is too long");
        control_.clear();
        return {};
    }
    if (opcode_ > binary_opcode) return fail(close_code::protocol_error, "unknown frame");
    if (opcode_ == continuation && !in_message_) return fail(close_code::protocol_error, "nothing to continue");
    if (opcode_ != continuation && in_message_) return fail(close_code::protocol_error, "a message is not finished");
    if (opcode_ == binary_opcode) return fail(close_code::unsupported_data, "messages are text");
    if (length_ > max_message_ - message_.size()) return fail(close_code::too_big, "the message is too big");
    fragments_ = in_message_ ? fragments_ + 1 : 1;
    if (fragments_ > max_fragments) return fail(close_code::policy, "the message has too many fragments");
    in_message_ = true;
    return {};
}

void FrameDecoder::take_payload(std::string_view& data) {
    std::string& into = (opcode_ & 0x08) != 0 ? control_ : message_;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(length_ - taken_, data.size()));
    const std::size_t start = into.size();
    into.append(data.substr(0, count));
    for (std::size_t i = 0; i < count; ++i)
        into[start + i] = static_cast<char>(static_cast<std::uint8_t>(into[start + i]) ^ mask_[(taken_ + i) & 3]);
    taken_ += count;
    data.remove_prefix(count);
}

FrameDecoder::Event FrameDecoder::finish_frame() {
    switch (opcode_) {
        case ping_opcode:
            return {Kind::ping, std::exchange(control_, {}), 0};
        case pong_opcode:
            return {Kind::pong, std::exchange(control_, {}), 0};
        case close_opcode:
            return finish_close();
        default:
            break;
    }
    if (!fin_) return {};
    in_message_ = false;
    std::string whole = std::exchange(message_, {});
    if (!config::is_utf8(whole)) return fail(close_code::bad_data, "the message is not UTF-8");
    return {Kind::text, std::move(whole), 0};
}

FrameDecoder::Event FrameDecoder::finish_close() {
    if (control_.empty()) {
        failed_ = true;  // nothing may follow a close
        return {Kind::closed, {}, 1005};
    }
    if (control_.size() == 1) return fail(close_code::protocol_error, "a close code is cut short");
    const auto code = static_cast<std::uint16_t>((static_cast<std::uint8_t>(control_[0]) << 8) |
                                                 static_cast<std::uint8_t>(control_[1]));
    std::string reason = control_.substr(2);
    if (!close_code_allowed(code)) return fail(close_code::protocol_error, "a close code that none may send");
    if (!config::is_utf8(reason)) return fail(close_code::bad_data, "a close reason is not UTF-8");
    failed_ = true;
    return {Kind::closed, std::move(reason), code};
}

}  // namespace matriz::http
