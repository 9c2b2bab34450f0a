// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/signal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "common/config/document.hpp"
#include "common/protocol/codec.hpp"
#include "common/protocol/json.hpp"

namespace matriz::webrtc {
namespace {

using protocol::Malformed;

constexpr int version = 1;
constexpr std::size_t epoch_digits = 16;

constexpr std::array codes{std::pair{Bye::Code::failed, "failed"}, std::pair{Bye::Code::identity, "identity"},
                           std::pair{Bye::Code::again, "again"}, std::pair{Bye::Code::left, "left"}};

SessionId session_of(const Json::Value& body) {
    constexpr std::size_t longest = epoch_digits + 1 + 10;
    const std::string text = protocol::text_or(body, "session", longest, "");
    const std::string_view all = text;
    const bool shaped = all.size() > epoch_digits + 1 && all[epoch_digits] == '-' &&
                        std::all_of(all.begin(), all.begin() + epoch_digits,
                                    [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (!shaped) throw Malformed("\"session\" is no session's id");
    SessionId id{.epoch = text.substr(0, epoch_digits)};
    const char* end = all.data() + all.size();
    const auto [stop, error] = std::from_chars(all.data() + epoch_digits + 1, end, id.number);
    if (error != std::errc{} || stop != end || id.number == 0) throw Malformed("\"session\" has no number");
    return id;
}

const Json::Value& object_in(const Json::Value& body, const char* key) {
    const Json::Value& value = body[key];
    if (!value.isObject()) throw Malformed("\"{}\" is not an object", key);
    return value;
}

std::optional<std::string> query_in(const Json::Value& object, const char* key) {
    if (object[key].isNull()) return std::nullopt;
    return protocol::text_or(object, key, max_query, "");
}

/// Lines, unlike all other texts.
std::string sdp_in(const Json::Value& object) {
    const Json::Value& value = object["sdp"];
    if (!value.isString()) throw Malformed("\"sdp\" is not a string");
    std::string text = value.asString();
    if (text.empty()) throw Malformed("\"sdp\" is empty");
    if (text.size() > max_sdp) throw Malformed("\"sdp\" is longer than {} bytes", max_sdp);
    const bool binary = std::any_of(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\r' && c != '\n') || c == 0x7f;
    });
    if (binary || !config::is_utf8(text)) throw Malformed("\"sdp\" has characters that are not text");
    return text;
}

Bye bye_in(const Json::Value& object) {
    Bye bye{.reason = protocol::text_or(object, "reason", max_reason, "")};
    const std::string code = protocol::text_or(object, "code", 32, "");
    const auto known =
        std::find_if(codes.begin(), codes.end(), [&](const auto& entry) { return code == entry.second; });
    if (known != codes.end()) bye.code = known->first;
    return bye;
}

struct Writer {
    Json::Value& body;
    void operator()(const Call& call) const {
        body["call"] = Json::objectValue;
        if (call.ask) body["call"]["ask"] = *call.ask;
        if (call.sends) body["call"]["sends"] = *call.sends;
    }
    void operator()(const OfferSdp& offer) const {
        body["offer"]["sdp"] = offer.sdp;
        if (offer.ask) body["offer"]["ask"] = *offer.ask;
    }
    void operator()(const AnswerSdp& answer) const { body["answer"]["sdp"] = answer.sdp; }
    void operator()(const Candidate& candidate) const {
        body["candidate"]["mline"] = candidate.mline;
        body["candidate"]["candidate"] = candidate.candidate;
    }
    void operator()(const Bye& bye) const {
        body["bye"]["reason"] = bye.reason;
        for (const auto& [code, text] : codes)
            if (code == bye.code) body["bye"]["code"] = text;
    }
};

}  // namespace

std::string SessionId::text() const { return fmt::format("{}-{}", epoch, number); }

PeerSignal decode(const Json::Value& body) {
    if (!body.isObject()) throw Malformed("a signal is not an object");
    if (protocol::integer_or(body, "webrtc", 0, 1'000'000, 0) != version)
        throw Malformed("a signal of another version than {}", version);
    constexpr std::array kinds{"call", "offer", "answer", "candidate", "bye"};
    if (std::count_if(kinds.begin(), kinds.end(), [&](const char* kind) { return body.isMember(kind); }) != 1)
        throw Malformed("a signal is one of call, offer, answer, candidate, bye");
    PeerSignal signal{.session = session_of(body)};
    if (body.isMember("call")) {
        const auto& call = object_in(body, "call");
        signal.what = Call{.ask = query_in(call, "ask"), .sends = query_in(call, "sends")};
    } else if (body.isMember("offer")) {
        const auto& offer = object_in(body, "offer");
        signal.what = OfferSdp{.sdp = sdp_in(offer), .ask = query_in(offer, "ask")};
    } else if (body.isMember("answer")) {
        signal.what = AnswerSdp{.sdp = sdp_in(object_in(body, "answer"))};
    } else if (body.isMember("candidate")) {
        const auto& candidate = object_in(body, "candidate");
        signal.what = Candidate{.mline = static_cast<int>(protocol::integer_or(candidate, "mline", 0, max_mline, 0)),
                                .candidate = protocol::text_or(candidate, "candidate", max_candidate, "")};
    } else {
        signal.what = bye_in(object_in(body, "bye"));
    }
    return signal;
}

Json::Value encode(const PeerSignal& signal) {
    Json::Value body(Json::objectValue);
    body["webrtc"] = version;
    body["session"] = signal.session.text();
    std::visit(Writer{body}, signal.what);
    return body;
}

}  // namespace matriz::webrtc
