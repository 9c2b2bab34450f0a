// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Session descriptions (RFC 8866, RFC 9429) as far as a connection for sound needs them. A peer's description never
/// reaches the WebRTC stack as it came: it is read into a Description, within limits and with the known attributes
/// only, and written anew. Pure, any thread.
namespace matriz::webrtc {

enum class Direction { inactive, sendonly, recvonly, sendrecv };

/// The same m-line as the other side sees it.
Direction reversed(Direction direction) noexcept;
inline bool sends(Direction direction) noexcept {
    return direction == Direction::sendonly || direction == Direction::sendrecv;
}
inline bool receives(Direction direction) noexcept { return sends(reversed(direction)); }

/// One payload type of an m-line.
struct Format {
    int payload_type = 0;
    std::string encoding;  ///< as in rtpmap, its case as it came
    int rate = 0;
    int channels = 1;
    std::string fmtp;  ///< "key=value;key=value"; empty: none
    bool operator==(const Format&) const = default;
};

/// One m-line.
struct Media {
    bool data = false;  ///< m=application over SCTP; otherwise m=audio
    std::string mid;
    Direction direction = Direction::sendrecv;  ///< audio only
    bool rejected = false;                      ///< port 0, and not since it is bundled
    std::vector<Format> formats;                ///< audio only
    std::vector<std::uint32_t> ssrcs;           ///< audio only
    std::string ufrag;
    std::string password;
    std::string fingerprint;              ///< "AB:CD:…" of SHA-256
    std::string setup;                    ///< "actpass", "active" or "passive"
    int sctp_port = 5000;                 ///< data only
    std::vector<std::string> candidates;  ///< "candidate:…"
    bool operator==(const Media&) const = default;
};

struct Description {
    std::vector<Media> media;
    bool operator==(const Description&) const = default;
};

inline constexpr std::size_t max_media = 4;
inline constexpr std::size_t max_formats = 24;     ///< of one m-line
inline constexpr std::size_t max_candidates = 64;  ///< of one session
inline constexpr std::size_t max_names = 4;        ///< of one session: names in its candidates that are looked up

/// Throws protocol::Malformed: what is longer, more, or other than a connection for sound can need, no fingerprint of
/// SHA-256, not all in one bundle.
Description parse_sdp(std::string_view text);
std::string write_sdp(const Description& description);

/// The fingerprint, when all m-lines have the same; empty otherwise.
std::string fingerprint_of(const Description& description);
void set_fingerprint(Description& description, const std::string& fingerprint);

/// Throws protocol::Malformed when `answer` is none to `offer`: other m-lines, a direction or a payload type that was
/// not offered.
void check_answer(const Description& offer, const Description& answer);
/// Leaves each m-line of an answer that check_answer() has been through its first format, and that as it was offered:
/// an answer may rightly have other parameters (they are about what its sender wants to get), but what comes is what we
/// asked for.
void settle_answer(const Description& offer, Description& answer);

/// Throws protocol::Malformed when `candidate` is no candidate's line, with an address or a name of the local network
/// (RFC 6762: "….local"; browsers hide their address so). False: it is one, but not for UDP. An empty one is good.
bool check_candidate(std::string_view candidate);
bool is_local_name(std::string_view address) noexcept;

/// What is in one of our candidate lines; empty parts when it is none.
struct CandidateParts {
    std::string address;
    std::string type;  ///< "host", "srflx", "prflx", "relay"
};
CandidateParts candidate_parts(std::string_view candidate);

}  // namespace matriz::webrtc
