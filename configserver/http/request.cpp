// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/http/request.hpp"

#include <fmt/format.h>
#include <glib.h>

#include <algorithm>
#include <charconv>
#include <memory>

namespace matriz::http {
namespace {

constexpr std::size_t max_headers = 64;
constexpr std::size_t max_body = std::size_t{64} * 1024;

bool is_token(std::string_view text) {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return g_ascii_isalnum(c) || marks.find(c) != std::string_view::npos;
    });
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = g_ascii_tolower(c);
    return out;
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool same_word(std::string_view a, std::string_view b) {
    return a.size() == b.size() && g_ascii_strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<Refusal> parse_request_line(std::string_view line, Request& request) {
    const auto first = line.find(' ');
    const auto second = line.find(' ', first == std::string_view::npos ? first : first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos || line.find(' ', second + 1) != line.npos)
        return Refusal{400, "the request line is not METHOD TARGET VERSION"};
    if (line.substr(second + 1) != "HTTP/1.1" && line.substr(second + 1) != "HTTP/1.0")
        return Refusal{505, "HTTP/1.1 is spoken here"};
    request.method = line.substr(0, first);
    if (!is_token(request.method)) return Refusal{400, "the method is no token"};
    const std::string_view target = line.substr(first + 1, second - first - 1);
    if (target.empty() || target.front() != '/') return Refusal{400, "the target does not begin with '/'"};
    const auto question = target.find('?');
    auto path = percent_decode(target.substr(0, question));
    if (!path) return Refusal{400, "the path is badly encoded"};
    request.path = std::move(*path);
    if (question != std::string_view::npos) request.query = target.substr(question + 1);
    return std::nullopt;
}

std::optional<Refusal> parse_header(std::string_view line, Request& request) {
    if (request.headers.size() >= max_headers) return Refusal{431, "too many headers"};
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
        return Refusal{400, "a header is not NAME: VALUE"};
    const std::string_view value = trim(line.substr(colon + 1));
    if (std::any_of(value.begin(), value.end(), [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; }))
        return Refusal{400, "a header has control characters"};
    request.headers.emplace_back(lower(line.substr(0, colon)), value);
    return std::nullopt;
}

std::size_t count(const Request& request, std::string_view name) {
    return static_cast<std::size_t>(std::count_if(request.headers.begin(), request.headers.end(),
                                                  [&](const auto& header) { return header.first == name; }));
}

std::optional<Refusal> check_whole(Request& request) {
    for (const char* single : {"host", "content-length", "sec-websocket-key", "sec-websocket-version", "authorization"})
        if (count(request, single) > 1) return Refusal{400, fmt::format("header {} comes twice", single)};
    if (count(request, "transfer-encoding") > 0)
        return Refusal{501, "send the body with Content-Length, not with Transfer-Encoding"};
    if (const auto length = request.header("content-length")) {
        const auto [end, error] =
            std::from_chars(length->data(), length->data() + length->size(), request.content_length);
        if (error != std::errc{} || end != length->data() + length->size())
            return Refusal{400, "Content-Length is no number"};
        if (request.content_length > max_body) return Refusal{413, "the body is larger than 64 KiB"};
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string_view> Request::header(std::string_view name) const noexcept {
    const auto found =
        std::find_if(headers.begin(), headers.end(), [&](const auto& header) { return header.first == name; });
    if (found == headers.end()) return std::nullopt;
    return found->second;
}

bool Request::header_has(std::string_view name, std::string_view token) const noexcept {
    for (const auto& [key, value] : headers) {
        if (key != name) continue;
        std::string_view rest = value;
        while (true) {
            const auto comma = rest.find(',');
            if (same_word(trim(rest.substr(0, comma)), token)) return true;
            if (comma == std::string_view::npos) break;
            rest.remove_prefix(comma + 1);
        }
    }
    return false;
}

std::string Request::header_list(std::string_view name) const {
    std::string list;
    for (const auto& [key, value] : headers)
        if (key == name) (list += list.empty() ? "" : ",") += value;
    return list;
}

ParsedHead parse_head(std::string_view data, std::size_t max_size) {
    ParsedHead head;
    const auto end = data.substr(0, max_size).find("\r\n\r\n");
    if (end == std::string_view::npos) {
        if (data.size() >= max_size) head.refusal = Refusal{431, "the request head is too large"};
        return head;
    }
    head.length = end + 4;
    std::string_view rest = data.substr(0, end + 2);
    for (bool first = true; !rest.empty() && !head.refusal; first = false) {
        const auto line_end = rest.find("\r\n");
        const std::string_view line = rest.substr(0, line_end);
        head.refusal = line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos
                           ? Refusal{400, "a stray line end in the request head"}
                       : first ? parse_request_line(line, head.request)
                               : parse_header(line, head.request);
        rest.remove_prefix(line_end + 2);
    }
    if (!head.refusal) head.refusal = check_whole(head.request);
    return head;
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = g_ascii_xdigit_value(text[i + 1]);
            const int low = g_ascii_xdigit_value(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) return std::nullopt;
        out += c;
    }
    return out;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const auto end = query.find('&');
        const std::string_view pair = query.substr(0, end);
        const auto equals = pair.find('=');
        if (pair.substr(0, equals) == name)
            return percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
        if (end == std::string_view::npos) break;
        query.remove_prefix(end + 1);
    }
    return std::nullopt;
}

std::string_view reason_phrase(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 204:
            return "No Content";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 426:
            return "Upgrade Required";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        case 507:
            return "Insufficient Storage";
        default:
            return "Error";
    }
}

std::string serialise(const Response& response, bool head_only) {
    std::string text = fmt::format("HTTP/1.1 {} {}\r\nConnection: close\r\nContent-Length: {}\r\n", response.status,
                                   reason_phrase(response.status), response.body.size());
    if (!response.body.empty()) text += fmt::format("Content-Type: {}\r\n", response.type);
    text += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
    for (const auto& [name, value] : response.headers) text += fmt::format("{}: {}\r\n", name, value);
    text += "\r\n";
    if (!head_only) text += response.body;
    return text;
}

std::optional<std::string> websocket_accept(std::string_view key) {
    if (key.size() != 24) return std::nullopt;
    gsize length = 0;
    const std::string terminated(key);
    const std::unique_ptr<guchar, decltype(&g_free)> nonce(g_base64_decode(terminated.c_str(), &length), g_free);
    if (length != 16) return std::nullopt;
    const std::string text = terminated + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const std::unique_ptr<GChecksum, decltype(&g_checksum_free)> sha1(g_checksum_new(G_CHECKSUM_SHA1), g_checksum_free);
    g_checksum_update(sha1.get(), reinterpret_cast<const guchar*>(text.data()), static_cast<gssize>(text.size()));
    guint8 digest[20];
    gsize size = sizeof digest;
    g_checksum_get_digest(sha1.get(), digest, &size);
    const std::unique_ptr<gchar, decltype(&g_free)> encoded(g_base64_encode(digest, size), g_free);
    return std::string(encoded.get());
}

}  // namespace matriz::http
