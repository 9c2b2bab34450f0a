// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/protocol/json.hpp"

#include <algorithm>
#include <charconv>
#include <memory>

#include "common/config/document.hpp"
#include "common/protocol/codec.hpp"
#include "common/protocol/limits.hpp"

namespace matriz::protocol {
namespace {

Json::Value parse_value(std::string_view text) {
    static const Json::CharReaderBuilder builder = [] {
        Json::CharReaderBuilder strict;
        strict["collectComments"] = false;
        strict["allowComments"] = false;
        strict["failIfExtra"] = true;
        strict["stackLimit"] = max_depth;
        return strict;
    }();
    const std::unique_ptr<Json::CharReader> reader(builder.newCharReader());
    Json::Value value;
    try {
        if (!reader->parse(text.data(), text.data() + text.size(), &value, nullptr)) throw Malformed("not valid JSON");
    } catch (const Json::Exception&) {
        throw Malformed("JSON nested too deeply");
    }
    return value;
}

Json::StreamWriterBuilder compact() {
    Json::StreamWriterBuilder builder;
    builder["indentation"] = "";
    builder["emitUTF8"] = true;
    return builder;
}

}  // namespace

Json::Value parse_object(std::string_view text) {
    if (text.size() > max_message) throw Malformed("{} bytes are more than the limit of {}", text.size(), max_message);
    if (!config::is_utf8(text)) throw Malformed("not UTF-8");
    Json::Value value = parse_value(text);
    if (value.isString()) value = parse_value(value.asString());
    if (!value.isObject()) throw Malformed("not a JSON object");
    return value;
}

std::string write(const Json::Value& value) {
    static const Json::StreamWriterBuilder builder = compact();
    return Json::writeString(builder, value);
}

std::string write_rounded(const Json::Value& value) {
    static const Json::StreamWriterBuilder builder = [] {
        Json::StreamWriterBuilder rounding = compact();
        rounding["precision"] = 6;
        return rounding;
    }();
    return Json::writeString(builder, value);
}

std::string text_or(const Json::Value& object, const char* key, std::size_t max, std::string_view fallback) {
    const Json::Value& value = object[key];
    if (value.isNull()) return std::string(fallback);
    if (!value.isString()) throw Malformed("\"{}\" is not a string", key);
    std::string text = value.asString();
    if (text.size() > max) throw Malformed("\"{}\" is longer than {} bytes", key, max);
    const bool control =
        std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (control || !config::is_utf8(text)) throw Malformed("\"{}\" has characters that are not text", key);
    return text;
}

std::int64_t integer_or(const Json::Value& object, const char* key, std::int64_t least, std::int64_t most,
                        std::int64_t fallback) {
    const Json::Value& value = object[key];
    if (value.isNull()) return fallback;
    std::int64_t number = 0;
    if (value.isString()) {
        const std::string digits = value.asString();
        const char* end = digits.data() + digits.size();
        if (const auto [stop, error] = std::from_chars(digits.data(), end, number); error != std::errc{} || stop != end)
            throw Malformed("\"{}\" is not an integer", key);
    } else if (value.isInt64()) {
        number = value.asInt64();
    } else {
        throw Malformed("\"{}\" is not an integer", key);
    }
    if (number < least || number > most) throw Malformed("\"{}\" is not from {} to {}", key, least, most);
    return number;
}

bool flag_or(const Json::Value& object, const char* key, bool fallback) {
    const Json::Value& value = object[key];
    if (value.isNull()) return fallback;
    if (!value.isBool()) throw Malformed("\"{}\" is neither true nor false", key);
    return value.asBool();
}

}  // namespace matriz::protocol
