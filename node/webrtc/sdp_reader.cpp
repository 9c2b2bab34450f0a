// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "common/protocol/codec.hpp"
#include "node/identity/identity.hpp"
#include "node/webrtc/sdp.hpp"
#include "node/webrtc/signal.hpp"

namespace matriz::webrtc {
namespace {

using protocol::Malformed;

constexpr std::size_t longest_line = 1024;
constexpr std::size_t most_lines = 400;
constexpr std::size_t most_ssrcs = 8;

/// Of an fmtp; all others would be fields of GStreamer's caps, too.
constexpr std::array<std::string_view, 14> parameters{
    "sprop-stereo", "stereo", "sprop-maxcapturerate", "maxplaybackrate", "maxaveragebitrate", "minptime",
    "useinbandfec", "usedtx", "num_streams",          "coupled_streams", "channel_mapping",   "frame",
    "red-codec",    "red-pt"};

/// What is before the next `separator`; takes it and the separator off `text`.
std::string_view take(std::string_view& text, char separator) {
    const auto end = std::min(text.find(separator), text.size());
    const std::string_view first = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return first;
}

template <class Number>
Number number(std::string_view digits, Number least, Number most, const char* what) {
    Number value = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || stop != digits.data() + digits.size() || value < least || value > most)
        throw Malformed("the session description has a wrong {}", what);
    return value;
}

/// Letters, digits and what is harmless in between.
std::string token(std::string_view text, std::size_t least, std::size_t most, const char* what) {
    const bool good =
        text.size() >= least && text.size() <= most && std::all_of(text.begin(), text.end(), [](unsigned char c) {
            return std::isalnum(c) != 0 ||
                   std::string_view("+/-_.=~{}").find(static_cast<char>(c)) != std::string_view::npos;
        });
    if (!good) throw Malformed("the session description has a wrong {}", what);
    return std::string(text);
}

/// What may stand before the first m-line and holds for all that do not say otherwise.
struct Defaults {
    std::string ufrag, password, fingerprint, setup;
    std::optional<Direction> direction;
};

struct Reader {
    Description description;
    Defaults defaults;
    bool bundle = false;
    std::vector<std::string> bundled;
    std::size_t candidates = 0;
    bool bundle_only = false;  ///< of the m-line being read
    bool zero_port = false;    ///< of the m-line being read
    bool directed = false;     ///< of the m-line being read
    bool rtcp_mux = false;     ///< of the m-line being read

    Media* media() { return description.media.empty() ? nullptr : &description.media.back(); }

    void line(char kind, std::string_view value);
    void begin_media(std::string_view value);
    void end_media();
    void attribute(std::string_view value);
    bool transport_attribute(std::string_view key, std::string_view value);
    void audio_attribute(Media& media, std::string_view key, std::string_view value);
    void rtpmap(Media& media, std::string_view value) const;
    void fmtp(Media& media, std::string_view value) const;
    void add_ssrc(Media& media, std::string_view value) const;
    void finish();
};

void Reader::begin_media(std::string_view value) {
    end_media();
    if (description.media.size() == max_media) throw Malformed("a session description with too many m-lines");
    Media media;
    const std::string_view kind = take(value, ' ');
    zero_port = number<int>(take(value, ' '), 0, 65535, "port") == 0;
    const std::string_view proto = take(value, ' ');
    media.data = kind == "application";
    if (media.data) {
        if (proto != "UDP/DTLS/SCTP" || value != "webrtc-datachannel") throw Malformed("an m-line for unknown data");
    } else {
        if (kind != "audio") throw Malformed("an m-line that is not for sound");
        if (proto != "UDP/TLS/RTP/SAVPF") throw Malformed("an m-line that is not encrypted");
        while (!value.empty()) {
            if (media.formats.size() == max_formats) throw Malformed("an m-line with too many payload types");
            const int type = number<int>(take(value, ' '), 0, 127, "payload type");
            const bool twice = std::any_of(media.formats.begin(), media.formats.end(),
                                           [&](const Format& format) { return format.payload_type == type; });
            if (twice) throw Malformed("a payload type is there twice");
            media.formats.push_back({.payload_type = type});
        }
        if (media.formats.empty()) throw Malformed("an m-line without payload types");
    }
    bundle_only = directed = rtcp_mux = false;
    description.media.push_back(std::move(media));
}

void Reader::end_media() {
    Media* media = this->media();
    if (media == nullptr) return;
    media->rejected = zero_port && !bundle_only;
    if (media->ufrag.empty()) media->ufrag = defaults.ufrag;
    if (media->password.empty()) media->password = defaults.password;
    if (media->fingerprint.empty()) media->fingerprint = defaults.fingerprint;
    if (media->setup.empty()) media->setup = defaults.setup;
    if (!directed && defaults.direction) media->direction = *defaults.direction;
    if (media->data) media->direction = Direction::sendrecv;
    if (media->mid.empty()) throw Malformed("an m-line without mid");
    if (media->rejected) media->direction = Direction::inactive;
    // Static payload types, which have no rtpmap, are none of ours.
    std::erase_if(media->formats, [](const Format& format) { return format.encoding.empty(); });
    if (!media->data && media->formats.empty()) throw Malformed("an m-line with unknown payload types only");
    if (media->rejected) return;
    if (!media->data && !rtcp_mux) throw Malformed("an m-line without rtcp-mux");
    if (media->ufrag.empty() || media->password.empty()) throw Malformed("an m-line without ICE's password");
    if (media->setup.empty()) throw Malformed("an m-line without setup");
}

bool Reader::transport_attribute(std::string_view key, std::string_view value) {
    Media* media = this->media();
    if (key == "ice-ufrag") {
        (media != nullptr ? media->ufrag : defaults.ufrag) = token(value, 4, 256, "ICE name");
    } else if (key == "ice-pwd") {
        (media != nullptr ? media->password : defaults.password) = token(value, 22, 256, "ICE password");
    } else if (key == "setup") {
        if (value != "actpass" && value != "active" && value != "passive") throw Malformed("a wrong setup");
        (media != nullptr ? media->setup : defaults.setup) = value;
    } else if (key == "fingerprint") {
        std::string& known = media != nullptr ? media->fingerprint : defaults.fingerprint;
        std::string method(take(value, ' '));
        std::transform(method.begin(), method.end(), method.begin(), [](unsigned char c) { return std::tolower(c); });
        if (method != "sha-256") return true;  // another's may stand beside it
        const auto clean = identity::clean_fingerprint(value);
        if (!clean) throw Malformed("a fingerprint that is none");
        if (!known.empty() && known != *clean) throw Malformed("two fingerprints for one m-line");
        known = *clean;
    } else if (key == "sendrecv" || key == "sendonly" || key == "recvonly" || key == "inactive") {
        const Direction direction = key == "sendrecv"   ? Direction::sendrecv
                                    : key == "sendonly" ? Direction::sendonly
                                    : key == "recvonly" ? Direction::recvonly
                                                        : Direction::inactive;
        if (media == nullptr)
            defaults.direction = direction;
        else
            media->direction = direction;
        directed = directed || media != nullptr;
    } else {
        return false;
    }
    return true;
}

void Reader::rtpmap(Media& media, std::string_view value) const {
    const int type = number<int>(take(value, ' '), 0, 127, "payload type");
    const auto format = std::find_if(media.formats.begin(), media.formats.end(),
                                     [&](const Format& known) { return known.payload_type == type; });
    if (format == media.formats.end()) return;
    if (!format->encoding.empty()) throw Malformed("two rtpmaps for one payload type");
    format->encoding = token(take(value, '/'), 1, 32, "encoding");
    format->rate = number<int>(take(value, '/'), 1, 400'000, "clock rate");
    if (!value.empty()) format->channels = number<int>(value, 1, 64, "number of channels");
}

void Reader::fmtp(Media& media, std::string_view value) const {
    const int type = number<int>(take(value, ' '), 0, 127, "payload type");
    const auto format = std::find_if(media.formats.begin(), media.formats.end(),
                                     [&](const Format& known) { return known.payload_type == type; });
    if (format == media.formats.end()) return;
    format->fmtp.clear();
    while (!value.empty()) {
        std::string_view parameter = take(value, ';');
        while (parameter.starts_with(' ')) parameter.remove_prefix(1);
        const std::string_view key = take(parameter, '=');
        const bool known = std::find(parameters.begin(), parameters.end(), key) != parameters.end();
        const bool good = !parameter.empty() && parameter.size() <= 64 &&
                          std::all_of(parameter.begin(), parameter.end(), [](unsigned char c) {
                              return std::isalnum(c) != 0 || c == ',' || c == '.' || c == '-';
                          });
        if (!known || !good) continue;
        if (!format->fmtp.empty()) format->fmtp += ';';
        format->fmtp.append(key).append("=").append(parameter);
    }
}

void Reader::add_ssrc(Media& media, std::string_view value) const {
    const auto ssrc = number<std::uint32_t>(take(value, ' '), 0, UINT32_MAX, "SSRC");
    if (std::find(media.ssrcs.begin(), media.ssrcs.end(), ssrc) != media.ssrcs.end()) return;
    if (media.ssrcs.size() == most_ssrcs) throw Malformed("an m-line with too many SSRCs");
    media.ssrcs.push_back(ssrc);
}

void Reader::audio_attribute(Media& media, std::string_view key, std::string_view value) {
    if (key == "rtpmap")
        rtpmap(media, value);
    else if (key == "fmtp")
        fmtp(media, value);
    else if (key == "ssrc")
        add_ssrc(media, value);
    else if (key == "rtcp-mux")
        rtcp_mux = true;
}

void Reader::attribute(std::string_view value) {
    const std::string_view whole = value;
    const std::string_view key = take(value, ':');
    if (transport_attribute(key, value)) return;
    Media* media = this->media();
    if (media == nullptr) {
        if (key != "group" || take(value, ' ') != "BUNDLE") return;
        bundle = true;
        while (!value.empty()) {
            if (bundled.size() == max_media) throw Malformed("too large a bundle");
            bundled.push_back(token(take(value, ' '), 1, 32, "mid"));
        }
        return;
    }
    if (key == "mid") {
        media->mid = token(value, 1, 32, "mid");
    } else if (key == "bundle-only") {
        bundle_only = true;
    } else if (key == "candidate") {
        if (++candidates > max_candidates) throw Malformed("too many candidates");
        const bool udp = check_candidate(whole);
        if (whole.size() > max_candidate) throw Malformed("too long a candidate");
        if (udp) media->candidates.emplace_back(whole);
    } else if (media->data) {
        if (key == "sctp-port") media->sctp_port = number<int>(value, 1, 65535, "SCTP port");
    } else {
        audio_attribute(*media, key, value);
    }
}

void Reader::line(char kind, std::string_view value) {
    if (kind == 'm') begin_media(value);
    if (kind == 'a') attribute(value);
    // Nothing that stands in the other lines matters: addresses come as candidates.
}

void Reader::finish() {
    end_media();
    auto& all = description.media;
    if (all.empty()) throw Malformed("a session description without an m-line");
    for (const Media& media : all) {
        const auto same = [&](const Media& other) { return other.mid == media.mid; };
        if (std::count_if(all.begin(), all.end(), same) != 1) throw Malformed("two m-lines of the same mid");
        if (media.rejected) continue;
        const bool in = std::find(bundled.begin(), bundled.end(), media.mid) != bundled.end();
        if (!bundle || !in) throw Malformed("not all in one bundle");
        if (media.fingerprint.empty()) throw Malformed("an m-line without a fingerprint of SHA-256");
    }
    if (std::count_if(all.begin(), all.end(), [](const Media& media) { return media.data; }) > 1)
        throw Malformed("more than one m-line for data");
    if (std::all_of(all.begin(), all.end(), [](const Media& media) { return media.rejected; }))
        throw Malformed("every m-line is rejected");
}

}  // namespace

Description parse_sdp(std::string_view text) {
    if (text.size() > max_sdp) throw Malformed("a session description of more than {} bytes", max_sdp);
    Reader reader;
    std::size_t lines = 0;
    while (!text.empty()) {
        std::string_view line = take(text, '\n');
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty()) continue;
        if (++lines > most_lines || line.size() > longest_line) throw Malformed("too long a session description");
        const bool printable = std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
        if (!printable || line.size() < 2 || line[1] != '=') throw Malformed("no session description");
        if (lines == 1 && line != "v=0") throw Malformed("no session description");
        reader.line(line[0], line.substr(2));
    }
    reader.finish();
    return std::move(reader.description);
}

}  // namespace matriz::webrtc
