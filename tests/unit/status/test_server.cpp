// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libsoup/soup.h>

#include <cstdlib>
#include <filesystem>

#include "common/base/error.hpp"
#include "common/glib/ref.hpp"
#include "node/status/status_server.hpp"
#include "tests/unit/status/example.hpp"

namespace matriz::status {
namespace {

using testing::HasSubstr;

struct Answer {
    unsigned status = 0;
    std::string type;
    std::string body;
};

class StatusServerTest : public testing::Test {
  protected:
    /// One request over a real socket, with the server in the same main loop.
    Answer ask(const char* method, const std::string& path,
               std::vector<std::pair<const char*, const char*>> headers = {}) {
        const auto session =
            glib::Ref<SoupSession>::adopt(soup_session_new_with_options("proxy-resolver", nullptr, nullptr));
        const std::string url = "http://127.0.0.1:" + std::to_string(server.port()) + path;
        const auto message = glib::Ref<SoupMessage>::adopt(soup_message_new(method, url.c_str()));
        for (const auto& [name, value] : headers)
            soup_message_headers_replace(soup_message_get_request_headers(message.get()), name, value);
        GAsyncResult* result = nullptr;
        soup_session_send_and_read_async(
            session.get(), message.get(), G_PRIORITY_DEFAULT, nullptr,
            [](GObject*, GAsyncResult* done, gpointer where) {
                *static_cast<GAsyncResult**>(where) = G_ASYNC_RESULT(g_object_ref(done));
            },
            &result);
        while (result == nullptr) g_main_context_iteration(nullptr, TRUE);
        const auto body = glib::Ref<GBytes>::adopt(soup_session_send_and_read_finish(session.get(), result, nullptr));
        g_object_unref(result);
        if (!body) return {};
        gsize size = 0;
        const auto* data = static_cast<const char*>(g_bytes_get_data(body.get(), &size));
        const char* type =
            soup_message_headers_get_one(soup_message_get_response_headers(message.get()), "Content-Type");
        return {soup_message_get_status(message.get()), type != nullptr ? type : "",
                std::string(data != nullptr ? data : "", size)};
    }

    int taken = 0;
    StatusServer server{"127.0.0.1", 0, [this] {
                            ++taken;
                            return test::example();
                        }};
};

TEST_F(StatusServerTest, ServesStatusAndMetrics) {
    const Answer status = ask("GET", "/status");
    EXPECT_EQ(status.status, 200U);
    EXPECT_THAT(status.type, HasSubstr("application/json"));
    EXPECT_EQ(status.body, to_json(test::example()));
    const Answer metrics = ask("GET", "/metrics");
    EXPECT_EQ(metrics.status, 200U);
    EXPECT_THAT(metrics.type, HasSubstr("text/plain; version=0.0.4"));
    EXPECT_EQ(metrics.body, to_prometheus(test::example()));
    EXPECT_EQ(taken, 2);
    EXPECT_EQ(ask("GET", "/status?x=1").status, 200U);
}

TEST_F(StatusServerTest, HeadHasNoBody) {
    const Answer answer = ask("HEAD", "/status");
    EXPECT_EQ(answer.status, 200U);
    EXPECT_EQ(answer.body, "");
}

TEST_F(StatusServerTest, ElsewhereThereIsNothing) {
    EXPECT_EQ(ask("GET", "/").status, 200U);
    for (const char* path : {"/statusx", "/status/", "/../etc/passwd", "/%2e%2e/x", "//status"})
        EXPECT_EQ(ask("GET", path).status, 404U) << path;
    EXPECT_EQ(ask("GET", "/trust/porto").status, 404U);
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "BREW"})
        EXPECT_EQ(ask(method, "/status").status, 405U) << method;
    EXPECT_EQ(taken, 0);
}

TEST_F(StatusServerTest, WebPagesGetNothing) {
    EXPECT_EQ(ask("GET", "/status", {{"Host", "evil.example"}}).status, 403U);
    EXPECT_EQ(ask("GET", "/status", {{"Origin", "http://evil.example"}}).status, 403U);
    EXPECT_EQ(taken, 0);
}

TEST_F(StatusServerTest, OnlyAProgramOnThisMachineChangesTrust) {
    std::string accepted;
    char pattern[] = "/tmp/matriz-status-XXXXXX";
    const std::string folder = ::mkdtemp(pattern);
    const std::string print = "AA" + [] {
        std::string rest;
        for (int i = 1; i < 32; ++i) rest += ":AA";
        return rest;
    }();
    identity::KnownPeers known(folder);
    known.remember("porto", print);
    known.check("porto", "", identity::KnownPeers::Proof::possible);
    server.set_trust({&known, [&](const std::string& name) { accepted += name; }});
    EXPECT_EQ(ask("POST", "/trust/porto").status, 403U) << "a form of a web page can send this";
    EXPECT_EQ(ask("POST", "/trust/porto", {{"Origin", "http://evil.example"}, {"X-Matriz", "1"}}).status, 403U);
    EXPECT_EQ(ask("POST", "/trust/porto", {{"Host", "evil.example"}, {"X-Matriz", "1"}}).status, 403U);
    const std::string own = "http://127.0.0.1:" + std::to_string(server.port());
    EXPECT_EQ(ask("POST", "/trust/porto", {{"Origin", own.c_str()}, {"X-Matriz", "1"}}).status, 403U);
    EXPECT_EQ(ask("GET", "/trust/porto", {{"X-Matriz", "1"}}).status, 404U);
    EXPECT_EQ(accepted, "");
    EXPECT_TRUE(known.entries()[0].refused);
    EXPECT_EQ(ask("POST", "/trust/lisboa", {{"X-Matriz", "1"}}).status, 404U);
    EXPECT_EQ(ask("POST", "/trust/porto", {{"X-Matriz", "1"}}).status, 200U);
    EXPECT_EQ(accepted, "porto");
    EXPECT_EQ(ask("GET", "/trust").body, "{\"peers\":[],\"pinned\":true}\n");
    std::filesystem::remove_all(folder);
}

TEST_F(StatusServerTest, ATakenPortIsSaid) {
    try {
        const StatusServer second("127.0.0.1", server.port(), [] { return Snapshot{}; });
        FAIL();
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("is taken"));
    }
    EXPECT_EQ(ask("GET", "/status").status, 200U);
}

TEST(StatusServerAddress, WrongOnesAreSaid) {
    EXPECT_THROW(StatusServer("nowhere", 0, [] { return Snapshot{}; }), Error);
    EXPECT_THROW(StatusServer("192.0.2.1", 0, [] { return Snapshot{}; }), Error);
    const StatusServer local("localhost", 0, [] { return Snapshot{}; });
    EXPECT_NE(local.port(), 0);
}

TEST(StatusServerFailure, IsAnAnswerToo) {
    const StatusServer server("127.0.0.1", 0, []() -> Snapshot { throw Error("no snapshot"); });
    const auto session =
        glib::Ref<SoupSession>::adopt(soup_session_new_with_options("proxy-resolver", nullptr, nullptr));
    const auto message = glib::Ref<SoupMessage>::adopt(
        soup_message_new("GET", ("http://127.0.0.1:" + std::to_string(server.port()) + "/status").c_str()));
    bool done = false;
    soup_session_send_async(
        session.get(), message.get(), G_PRIORITY_DEFAULT, nullptr,
        [](GObject*, GAsyncResult*, gpointer flag) { *static_cast<bool*>(flag) = true; }, &done);
    while (!done) g_main_context_iteration(nullptr, TRUE);
    EXPECT_EQ(soup_message_get_status(message.get()), SOUP_STATUS_INTERNAL_SERVER_ERROR);
}

}  // namespace
}  // namespace matriz::status
