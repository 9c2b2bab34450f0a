// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "configserver/http/request.hpp"

namespace matriz::http {
namespace {

constexpr std::size_t max_size = 8192;

TEST(RequestHead, IsReadOnceItIsWhole) {
    const std::string text =
        "GET /rooms/a%20b?x=1 HTTP/1.1\r\nHost: h\r\nUpGrade:  WebSocket \r\nConnection: a, Upgrade\r\n\r\nrest";
    for (std::size_t cut = 0; cut < text.size() - 4; ++cut) {
        const auto head = parse_head(std::string_view(text).substr(0, cut), max_size);
        EXPECT_EQ(head.length, 0U);
        EXPECT_FALSE(head.refusal);
    }
    const auto head = parse_head(text, max_size);
    EXPECT_EQ(head.length, text.size() - 4);
    EXPECT_EQ(head.request.path, "/rooms/a b");
    EXPECT_EQ(query_value(head.request.query, "x"), "1");
    EXPECT_EQ(query_value(head.request.query, "y"), std::nullopt);
    EXPECT_EQ(head.request.header("host"), "h");
    EXPECT_TRUE(head.request.header_has("upgrade", "websocket"));
    EXPECT_TRUE(head.request.header_has("connection", "upgrade"));
    EXPECT_FALSE(head.request.header_has("connection", "upgr"));
}

TEST(RequestHead, ListsComeInOrder) {
    const auto head =
        parse_head("GET / HTTP/1.1\r\nX-Forwarded-For: a\r\nHost: h\r\nx-forwarded-for: b, c\r\n\r\n", max_size);
    EXPECT_EQ(head.request.header_list("x-forwarded-for"), "a,b, c");
}

TEST(RequestHead, SizeIsBounded) {
    std::string text = "GET / HTTP/1.1\r\nA: " + std::string(max_size, 'x');
    EXPECT_EQ(parse_head(text, max_size).refusal->status, 431);
    text += "\r\n\r\n";
    EXPECT_EQ(parse_head(text, max_size).refusal->status, 431) << "nor when the end is there by now";
}

TEST(Websocket, AcceptIsThatOfTheRfc) {
    EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for (const char* key : {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ==x", "!!!!!!!!!!!!!!!!!!!!!!=="})
        EXPECT_FALSE(websocket_accept(key)) << key;
}

TEST(Response, ClosesAndIsNeverKept) {
    const std::string text = serialise({200, "{}", "application/json", {{"Allow", "GET"}}}, false);
    EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n"));
    for (const char* header :
         {"Connection: close\r\n", "Content-Length: 2\r\n", "Cache-Control: no-store\r\n", "Allow: GET\r\n"})
        EXPECT_NE(text.find(header), std::string::npos) << header;
    EXPECT_TRUE(text.ends_with("\r\n\r\n{}"));
    EXPECT_TRUE(serialise({200, "{}", "x", {}}, true).ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace matriz::http
