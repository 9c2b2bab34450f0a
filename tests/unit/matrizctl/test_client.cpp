// SPDX-License-Identifier: GPL-3.0-or-later
#include <gio/gio.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "common/base/error.hpp"
#include "common/glib/ref.hpp"
#include "matrizctl/client.hpp"
#include "matrizctl/trust_table.hpp"
#include "node/status/status_server.hpp"
#include "tests/unit/status/example.hpp"

namespace matriz::ctl {
namespace {

using testing::HasSubstr;

/// Whatever `ask` does, on a thread of its own, while this one runs the server's main loop.
template <class Ask>
std::string while_serving(Ask ask) {
    std::atomic<bool> done = false;
    auto result = std::async(std::launch::async, [&] {
        std::string text;
        try {
            text = ask();
        } catch (const Error& error) {
            text = std::string("error: ") + error.what();
        }
        done = true;
        g_main_context_wakeup(nullptr);
        return text;
    });
    while (!done) g_main_context_iteration(nullptr, TRUE);
    return result.get();
}

TEST(FetchStatus, GetsWhatTheNodeSays) {
    const status::StatusServer server("127.0.0.1", 0, [] { return status::test::example(); });
    for (const char* host : {"127.0.0.1", "localhost"})
        EXPECT_EQ(while_serving([&] { return fetch_status(host, server.port()).text; }),
                  status::to_json(status::test::example()));
}

TEST(FetchStatus, SaysWhatToDoWhenNobodyAnswers) {
    std::uint16_t free_port = 0;
    {
        const status::StatusServer server("127.0.0.1", 0, [] { return status::Snapshot{}; });
        free_port = server.port();
    }
    EXPECT_THAT(
        while_serving([&] { return fetch_status("127.0.0.1", free_port).text; }),
        testing::AllOf(HasSubstr("error: no node answers"), HasSubstr("Is matriz running?"), HasSubstr("--control")));
    EXPECT_THAT(while_serving([&] { return fetch_status("nobody.invalid", 1).text; }), HasSubstr("no host is known"));
}

TEST(Trust, ShowsAndAccepts) {
    char pattern[] = "/tmp/matriz-trust-XXXXXX";
    const std::string folder = ::mkdtemp(pattern);
    const std::string name = "são paulo/1";
    std::string first = "AA";
    std::string second = "BB";
    for (int i = 1; i < 32; ++i) {
        first += ":AA";
        second += ":BB";
    }
    identity::KnownPeers known(folder);
    known.remember(name, first);
    known.check(name, second, identity::KnownPeers::Proof::possible);
    std::string accepted;
    status::StatusServer server("127.0.0.1", 0, [] { return status::test::example(); });
    EXPECT_EQ(while_serving([&] { return accept_peer("127.0.0.1", server.port(), name).text; }),
              fmt::format("error: the node at 127.0.0.1:{} says: this node trusts the config server (`trust` is "
                          "\"server\"); nothing is pinned",
                          server.port()));
    server.set_trust({&known, [&](const std::string& who) { accepted = who; }});
    const auto shown = [&] {
        return while_serving([&] { return render_trust(fetch_trust("127.0.0.1", server.port()).json); });
    };
    EXPECT_THAT(shown(),
                testing::AllOf(HasSubstr(name + "  " + first), HasSubstr(second + "\n"), HasSubstr("refused")));
    EXPECT_THAT(while_serving([&] { return accept_peer("127.0.0.1", server.port(), "são").text; }),
                HasSubstr("no certificate of \"são\" was refused"));
    const std::string answer = while_serving([&] { return accept_peer("127.0.0.1", server.port(), name).text; });
    EXPECT_EQ(answer, status::to_json(status::Trust{&known, {}}));
    EXPECT_EQ(accepted, name);
    EXPECT_EQ(shown(), name + "  " + second + "\n");
    std::filesystem::remove_all(folder);
}

TEST(FetchStatus, KnowsAStranger) {
    for (const std::string body : {"hello", "{}", "[]", "7", "{\"peers\":7}", ""}) {
        const auto listener = glib::Ref<GSocketListener>::adopt(g_socket_listener_new());
        const std::uint16_t port = g_socket_listener_add_any_inet_port(listener.get(), nullptr, nullptr);
        std::thread stranger([&] {
            const auto client = glib::Ref<GSocketConnection>::adopt(
                g_socket_listener_accept(listener.get(), nullptr, nullptr, nullptr));
            std::array<char, 4096> request{};
            g_input_stream_read(g_io_stream_get_input_stream(G_IO_STREAM(client.get())), request.data(), request.size(),
                                nullptr, nullptr);
            const std::string answer =
                fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
            g_output_stream_write_all(g_io_stream_get_output_stream(G_IO_STREAM(client.get())), answer.data(),
                                      answer.size(), nullptr, nullptr, nullptr);
        });
        std::string said = "understood";
        try {
            fetch_status("127.0.0.1", port);
        } catch (const Error& error) {
            said = error.what();
        }
        stranger.join();
        EXPECT_THAT(said, HasSubstr("is no matriz node")) << body;
    }
}

}  // namespace
}  // namespace matriz::ctl
