// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/sdp.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "common/protocol/codec.hpp"

namespace matriz::webrtc {
namespace {

using protocol::Malformed;

bool same_letters(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

const char* name_of(Direction direction) noexcept {
    switch (direction) {
        case Direction::sendonly:
            return "sendonly";
        case Direction::recvonly:
            return "recvonly";
        case Direction::sendrecv:
            return "sendrecv";
        case Direction::inactive:
            break;
    }
    return "inactive";
}

void write_audio(std::string& out, const Media& media) {
    out += "a=rtcp-mux\r\na=rtcp-rsize\r\n";
    out += fmt::format("a={}\r\n", name_of(media.direction));
    for (const Format& format : media.formats) {
        out += fmt::format("a=rtpmap:{} {}/{}", format.payload_type, format.encoding, format.rate);
        if (format.channels != 1) out += fmt::format("/{}", format.channels);
        out += "\r\n";
        if (!format.fmtp.empty()) out += fmt::format("a=fmtp:{} {}\r\n", format.payload_type, format.fmtp);
    }
    // No more is said of who that is than the stream's number.
    for (const std::uint32_t ssrc : media.ssrcs) out += fmt::format("a=ssrc:{} cname:matriz\r\n", ssrc);
}

}  // namespace

Direction reversed(Direction direction) noexcept {
    if (direction == Direction::sendonly) return Direction::recvonly;
    if (direction == Direction::recvonly) return Direction::sendonly;
    return direction;
}

std::string write_sdp(const Description& description) {
    std::string out = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-options:trickle\r\na=group:BUNDLE";
    for (const Media& media : description.media)
        if (!media.rejected) out += " " + media.mid;
    out += "\r\n";
    for (const Media& media : description.media) {
        out += fmt::format("m={} {} {}", media.data ? "application" : "audio", media.rejected ? 0 : 9,
                           media.data ? "UDP/DTLS/SCTP webrtc-datachannel" : "UDP/TLS/RTP/SAVPF");
        for (const Format& format : media.formats) out += fmt::format(" {}", format.payload_type);
        out += "\r\nc=IN IP4 0.0.0.0\r\n";
        out += fmt::format("a=mid:{}\r\na=setup:{}\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", media.mid, media.setup,
                           media.ufrag, media.password);
        out += fmt::format("a=fingerprint:sha-256 {}\r\n", media.fingerprint);
        if (media.data)
            out += fmt::format("a=sctp-port:{}\r\n", media.sctp_port);
        else
            write_audio(out, media);
        for (const std::string& candidate : media.candidates) out += fmt::format("a={}\r\n", candidate);
    }
    return out;
}

std::string fingerprint_of(const Description& description) {
    if (description.media.empty()) return {};
    const std::string& first = description.media.front().fingerprint;
    const bool same = std::all_of(description.media.begin(), description.media.end(),
                                  [&](const Media& media) { return media.fingerprint == first; });
    return same ? first : std::string();
}

void set_fingerprint(Description& description, const std::string& fingerprint) {
    for (Media& media : description.media) media.fingerprint = fingerprint;
}

void check_answer(const Description& offer, const Description& answer) {
    if (offer.media.size() != answer.media.size()) throw Malformed("the answer has other m-lines than the offer");
    for (std::size_t i = 0; i < offer.media.size(); ++i) {
        const Media& asked = offer.media[i];
        const Media& given = answer.media[i];
        if (asked.data != given.data || asked.mid != given.mid)
            throw Malformed("the answer's m-line {} is not the offer's", i);
        if (given.setup == "actpass") throw Malformed("the answer leaves open who begins DTLS");
        if (given.data || given.rejected) continue;
        const bool too_much = (sends(given.direction) && !receives(asked.direction)) ||
                              (receives(given.direction) && !sends(asked.direction));
        if (too_much) throw Malformed("the answer's m-line {} goes a way that was not offered", i);
        for (const Format& format : given.formats) {
            const bool offered = std::any_of(asked.formats.begin(), asked.formats.end(), [&](const Format& known) {
                return known.payload_type == format.payload_type && same_letters(known.encoding, format.encoding) &&
                       known.rate == format.rate && known.channels == format.channels;
            });
            if (!offered) throw Malformed("the answer has {}, which was not offered", format.encoding);
        }
    }
}

void settle_answer(const Description& offer, Description& answer) {
    for (std::size_t i = 0; i < answer.media.size(); ++i) {
        auto& given = answer.media[i].formats;
        if (given.empty()) continue;
        given.resize(1);
        const auto& asked = offer.media[i].formats;
        const auto meant = std::find_if(asked.begin(), asked.end(), [&](const Format& known) {
            return known.payload_type == given.front().payload_type;
        });
        if (meant != asked.end()) given.front() = *meant;
    }
}

namespace {

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    while (!line.empty()) {
        const auto end = std::min(line.find(' '), line.size());
        if (end > 0) words.push_back(line.substr(0, end));
        line.remove_prefix(std::min(end + 1, line.size()));
    }
    return words;
}

}  // namespace

CandidateParts candidate_parts(std::string_view candidate) {
    const auto words = words_of(candidate);
    if (words.size() < 8 || words[6] != "typ") return {};
    return {.address = std::string(words[4]), .type = std::string(words[7])};
}

bool is_local_name(std::string_view address) noexcept {
    constexpr std::string_view suffix = ".local";
    if (!address.ends_with(suffix)) return false;
    address.remove_suffix(suffix.size());
    return !address.empty() && address.size() <= 63 && std::all_of(address.begin(), address.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-';
    });
}

bool check_candidate(std::string_view candidate) {
    if (candidate.empty()) return true;
    const bool printable =
        std::all_of(candidate.begin(), candidate.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
    if (!printable || !candidate.starts_with("candidate:")) throw Malformed("no candidate");
    const auto words = words_of(candidate);
    constexpr std::size_t most_words = 32;
    if (words.size() < 8 || words.size() > most_words || words[6] != "typ") throw Malformed("no candidate");
    const auto is_number = [](std::string_view word, std::size_t digits) {
        return !word.empty() && word.size() <= digits &&
               std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    };
    const auto is_foundation = [](std::string_view word) {
        return !word.empty() && word.size() <= 32 && std::all_of(word.begin(), word.end(), [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '+' || c == '/' || c == '-';
        });
    };
    const auto is_address = [](std::string_view word) {
        in6_addr bytes{};
        const std::string plain(word.substr(0, word.find('%')));
        return word.size() <= 64 &&
               (inet_pton(AF_INET, plain.c_str(), &bytes) == 1 || inet_pton(AF_INET6, plain.c_str(), &bytes) == 1);
    };
    constexpr std::size_t label = std::string_view("candidate:").size();
    const bool good = is_foundation(words[0].substr(label)) && is_number(words[1], 3) && is_number(words[3], 10) &&
                      (is_address(words[4]) || is_local_name(words[4])) && is_number(words[5], 5) &&
                      (words[7] == "host" || words[7] == "srflx" || words[7] == "prflx" || words[7] == "relay");
    if (!good) throw Malformed("no candidate");
    return same_letters(words[2], "udp");
}

}  // namespace matriz::webrtc
