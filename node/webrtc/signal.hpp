// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

/// What two nodes say to one another through the config server, to come to a WebRTC connection: the body of a
/// protocol::Signal. docs/protocol.md describes it. Pure, any thread.
namespace matriz::webrtc {

inline constexpr std::size_t max_sdp = std::size_t{16} * 1024;  ///< bytes of a session description
inline constexpr std::size_t max_candidate = 512;               ///< bytes of a candidate's line
inline constexpr std::size_t max_query = 256;                   ///< bytes of an ask
inline constexpr std::size_t max_reason = 256;                  ///< bytes of a sentence for people
inline constexpr int max_mline = 3;

/// Made by the caller: one run of its link to this peer, and the number of the call within it.
struct SessionId {
    std::string epoch;  ///< 16 hex digits
    std::uint32_t number = 0;
    bool operator==(const SessionId&) const = default;

    /// "0123456789abcdef-7"
    std::string text() const;
};

/// From the larger name to the smaller: make me an offer. Nothing in either for programs that know of no such thing:
/// they get standard Opus, and are taken to send it.
struct Call {
    std::optional<std::string> ask;    ///< what the caller can play, as negotiation::Ask's query
    std::optional<std::string> sends;  ///< what it has to send (Sending's query); empty: nothing
    bool operator==(const Call&) const = default;
};

struct OfferSdp {
    std::string sdp;
    std::optional<std::string> ask;  ///< what the offerer can play
    bool operator==(const OfferSdp&) const = default;
};

struct AnswerSdp {
    std::string sdp;
    bool operator==(const AnswerSdp&) const = default;
};

struct Candidate {
    int mline = 0;
    std::string candidate;  ///< "candidate:…"; empty: there are no more
    bool operator==(const Candidate&) const = default;
};

/// Ends the session.
struct Bye {
    enum class Code {
        failed,    ///< it did not come to a connection
        identity,  ///< the other's certificate is not the one that was expected
        again,     ///< another session is wanted at once
        left,      ///< this node wants no connection any more
    };
    Code code = Code::failed;
    std::string reason;  ///< for people
    bool operator==(const Bye&) const = default;
};

struct PeerSignal {
    SessionId session;
    std::variant<Call, OfferSdp, AnswerSdp, Candidate, Bye> what;
    bool operator==(const PeerSignal&) const = default;
};

/// Throws protocol::Malformed. Members that are not known are passed over.
PeerSignal decode(const Json::Value& body);
Json::Value encode(const PeerSignal& signal);

}  // namespace matriz::webrtc
