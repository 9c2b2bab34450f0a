// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <json/json.h>

#include <cstdint>
#include <string>
#include <string_view>

/// Reading untrusted JSON with limits. Pure functions, any thread; all throw Malformed.
namespace matriz::protocol {

/// The object in a text frame; unwraps the original's JSON-in-a-string form once.
Json::Value parse_object(std::string_view text);
std::string write(const Json::Value& value);
/// The same with fractions to six digits, for figures that were measured.
std::string write_rounded(const Json::Value& value);

/// A string member of at most `max` bytes, valid UTF-8 without control characters; `fallback` when it is missing or
/// null.
std::string text_or(const Json::Value& object, const char* key, std::size_t max, std::string_view fallback);
/// An integer member within [least, most]; digits in a string count. `fallback` when it is missing or null.
std::int64_t integer_or(const Json::Value& object, const char* key, std::int64_t least, std::int64_t most,
                        std::int64_t fallback);
bool flag_or(const Json::Value& object, const char* key, bool fallback);

}  // namespace matriz::protocol
