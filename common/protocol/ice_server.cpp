// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/protocol/ice_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "common/protocol/codec.hpp"
#include "common/protocol/json.hpp"
#include "common/protocol/limits.hpp"

namespace matriz::protocol {
namespace {

constexpr std::uint16_t plain_port = 3478;
constexpr std::uint16_t tls_port = 5349;

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

bool is_host_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
}
bool is_ipv6_character(char c) {
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == '.' || c == ':';
}

/// Cuts the host off `text`.
std::optional<std::string> take_host(std::string_view& text) {
    const bool bracketed = take_prefix(text, "[");
    const auto end = std::find_if_not(text.begin(), text.end(), bracketed ? is_ipv6_character : is_host_character);
    std::string host(text.begin(), end);
    text.remove_prefix(host.size());
    if (host.empty() || (bracketed && !take_prefix(text, "]"))) return std::nullopt;
    return host;
}

bool take_port(std::string_view& text, std::uint16_t& port) {
    if (!take_prefix(text, ":")) return true;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || port == 0) return false;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    return true;
}

std::vector<std::string> urls_of(const Json::Value& urls) {
    Json::Value list(Json::arrayValue);
    if (urls.isString())
        list.append(urls);
    else if (urls.isArray())
        list = urls;
    else
        throw Malformed("\"urls\" is neither a string nor a list");
    if (list.size() > max_ice_urls) throw Malformed("\"urls\" has more than {} entries", max_ice_urls);
    std::vector<std::string> usable;
    for (const Json::Value& item : list) {
        Json::Value wrapped(Json::objectValue);
        wrapped["urls"] = item;
        std::string url = text_or(wrapped, "urls", max_ice_text, "");
        if (parse_ice_url(url)) usable.push_back(std::move(url));
    }
    return usable;
}

}  // namespace

std::optional<IceUrl> parse_ice_url(std::string_view text) {
    if (text.size() > max_ice_text) return std::nullopt;
    IceUrl url;
    for (const auto& [scheme, turn, tls] : {std::tuple{"stun:", false, false}, std::tuple{"stuns:", false, true},
                                            std::tuple{"turn:", true, false}, std::tuple{"turns:", true, true}}) {
        if (!take_prefix(text, scheme)) continue;
        url.turn = turn;
        url.tls = url.tcp = tls;
        url.port = tls ? tls_port : plain_port;
        auto host = take_host(text);
        if (!host || !take_port(text, url.port)) return std::nullopt;
        url.host = std::move(*host);
        if (url.turn && text == "?transport=tcp") {
            url.tcp = true;
        } else if (url.turn && text == "?transport=udp") {
            url.tcp = false;
        } else if (!text.empty()) {
            return std::nullopt;
        }
        return url;
    }
    return std::nullopt;
}

std::string first_stun(const std::vector<IceServer>& servers) {
    for (const IceServer& server : servers)
        for (const std::string& text : server.urls)
            if (const auto url = parse_ice_url(text); url && !url->turn && !url->tls)
                return url->host.find(':') == std::string::npos ? fmt::format("{}:{}", url->host, url->port)
                                                                : fmt::format("[{}]:{}", url->host, url->port);
    return {};
}

Json::Value to_json(const std::vector<IceServer>& servers) {
    Json::Value list(Json::arrayValue);
    for (const IceServer& server : servers) {
        Json::Value item(Json::objectValue);
        item["urls"] = Json::Value(Json::arrayValue);
        for (const std::string& url : server.urls) item["urls"].append(url);
        if (!server.username.empty()) item["username"] = server.username;
        if (!server.credential.empty()) item["credential"] = server.credential;
        list.append(std::move(item));
    }
    return list;
}

std::vector<IceServer> decode_ice_servers(const Json::Value& list) {
    if (!list.isArray()) throw Malformed("\"ice_servers\" is not a list");
    if (list.size() > max_ice_servers) throw Malformed("\"ice_servers\" has more than {} entries", max_ice_servers);
    std::vector<IceServer> servers;
    for (const Json::Value& item : list) {
        if (!item.isObject()) throw Malformed("an entry of \"ice_servers\" is not an object");
        IceServer server{.urls = urls_of(item["urls"]),
                         .username = text_or(item, "username", max_ice_text, ""),
                         .credential = text_or(item, "credential", max_ice_text, "")};
        if (!server.urls.empty()) servers.push_back(std::move(server));
    }
    return servers;
}

}  // namespace matriz::protocol
