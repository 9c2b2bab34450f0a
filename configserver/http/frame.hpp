// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace matriz::http {

/// Websocket close codes (RFC 6455, 7.4.1, and the IANA registry).
namespace close_code {
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t going_away = 1001;
inline constexpr std::uint16_t protocol_error = 1002;
inline constexpr std::uint16_t unsupported_data = 1003;
inline constexpr std::uint16_t bad_data = 1007;
inline constexpr std::uint16_t policy = 1008;
inline constexpr std::uint16_t too_big = 1009;
inline constexpr std::uint16_t service_restart = 1012;
inline constexpr std::uint16_t try_again_later = 1013;
}  // namespace close_code

/// Bytes of one frame, ready for the wire. A server's frames are not masked, so all receivers share the same bytes.
using Frame = std::shared_ptr<const std::string>;
Frame text_frame(std::string_view text);
Frame ping_frame(std::string_view payload);
Frame pong_frame(std::string_view payload);
/// `reason` is cut at 123 bytes, at a character's end.
Frame close_frame(std::uint16_t code, std::string_view reason);

/// Puts a client's bytes together into messages (RFC 6455, section 5). Holds no more than one message of the allowed
/// size. After an error it takes nothing more. Pure; one thread.
class FrameDecoder {
  public:
    enum class Kind {
        need_more,  ///< everything was taken; nothing is whole yet
        text,
        ping,
        pong,
        closed,  ///< the other side closes; `code` is 1005 if it gave none
        error,   ///< close with `code` and say `data`
    };
    struct Event {
        Kind kind = Kind::need_more;
        std::string data;
        std::uint16_t code = 0;
    };

    explicit FrameDecoder(std::size_t max_message) : max_message_(max_message) {}
    /// Takes bytes off the front of `data` up to the end of the next event.
    Event next(std::string_view& data);
    std::size_t held() const noexcept { return message_.capacity() + control_.capacity(); }

  private:
    bool take_header(std::string_view& data);
    Event check_header();
    void take_payload(std::string_view& data);
    Event finish_frame();
    Event finish_close();
    Event fail(std::uint16_t code, const char* reason);

    std::size_t max_message_;
    std::uint8_t header_[14] = {};
    std::uint8_t header_have_ = 0;
    bool in_payload_ = false;
    bool fin_ = false;
    std::uint8_t opcode_ = 0;
    bool in_message_ = false;  ///< between the first and the last fragment
    bool failed_ = false;
    unsigned fragments_ = 0;  ///< of this message
    std::uint8_t mask_[4] = {};
    std::uint64_t length_ = 0;
    std::uint64_t taken_ = 0;
    std::string message_;
    std::string control_;
};

}  // namespace matriz::http
