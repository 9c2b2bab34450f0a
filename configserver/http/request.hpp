// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace matriz::http {

/// The head of an HTTP/1.1 request (RFC 9112), read strictly: what a server and a proxy in front of it could understand
/// in two ways is refused.
struct Request {
    std::string method;
    std::string path;                                          ///< percent-decoded, begins with '/'
    std::string query;                                         ///< as sent, without the '?'
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
    std::size_t content_length = 0;

    /// The value of a header that must not come twice; nothing when it is missing. `name` in lower case.
    std::optional<std::string_view> header(std::string_view name) const noexcept;
    /// Does the comma-separated list in header `name` hold `token`, whatever its case?
    bool header_has(std::string_view name, std::string_view token) const noexcept;
    /// All values of header `name`, joined with commas, in the order they came.
    std::string header_list(std::string_view name) const;
};

struct Refusal {
    int status = 400;
    std::string reason;
};

struct ParsedHead {
    std::size_t length = 0;  ///< bytes the head took, its empty line included; 0: more is needed
    Request request;
    std::optional<Refusal> refusal;
};

/// Reads the head at the beginning of `data`. Pure.
ParsedHead parse_head(std::string_view data, std::size_t max_size);

/// "name" for the query "a=b&name=…"; percent-decoded.
std::optional<std::string> query_value(std::string_view query, std::string_view name);
std::optional<std::string> percent_decode(std::string_view text);

struct Response {
    int status = 200;
    std::string body;
    std::string type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers;
};
/// The bytes of a response after which the connection is closed. `head_only` for HEAD requests.
std::string serialise(const Response& response, bool head_only);
std::string_view reason_phrase(int status);

/// The Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455, 4.2.2); nothing when the key is not 16 bytes in base64.
std::optional<std::string> websocket_accept(std::string_view key);

}  // namespace matriz::http
