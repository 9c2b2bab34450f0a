// SPDX-License-Identifier: GPL-3.0-or-later
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <span>
#include <thread>
#include <vector>

#include "configserver/ice/stun.hpp"
#include "matrizctl/doctor/webrtc.hpp"
#include "node/identity/identity.hpp"

namespace matriz::ctl::doctor {
namespace {

namespace fs = std::filesystem;
using Packet = std::vector<std::uint8_t>;

/// Answers one datagram after `silent` that it leaves unanswered.
class Server {
  public:
    using Answer = std::function<Packet(const Packet& request, std::uint16_t from_port)>;

    explicit Server(Answer answer, int silent = 0) : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof here;
        EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&here), size), 0);
        EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&here), &size), 0);
        place_ = "127.0.0.1:" + std::to_string(ntohs(here.sin_port));
        thread_ = std::thread([this, answer = std::move(answer), silent] { run(answer, silent); });
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() {
        thread_.join();
        close(socket_);
    }
    const std::string& place() const { return place_; }
    std::uint16_t asked_from() const { return port_; }

  private:
    void run(const Answer& answer, int silent) {
        for (int i = 0; i <= silent; ++i) {
            Packet request(1500);
            sockaddr_in from{};
            socklen_t size = sizeof from;
            const ssize_t length =
                recvfrom(socket_, request.data(), request.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
            if (length < 0) return;
            request.resize(static_cast<std::size_t>(length));
            port_ = ntohs(from.sin_port);
            if (i < silent) continue;
            const Packet reply = answer(request, port_);
            sendto(socket_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
        }
    }

    const int socket_;
    std::string place_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

/// What our own server answers to somebody at `address`.
Server::Answer our_server(const std::string& address) {
    return [address](const Packet& request, std::uint16_t port) {
        return ice::answer_binding(request, *net::IpAddress::parse(address), port);
    };
}

constexpr std::chrono::seconds long_enough{20};  // for any machine; nothing waits for it

TEST(AskStun, UnderstandsOurOwnServer) {
    for (const char* address : {"203.0.113.5", "2001:db8::5"}) {
        std::string seen;
        std::string expected;
        {
            Server server(our_server(address));
            seen = ask_stun(server.place(), long_enough).seen_at;
            expected = std::string(address) + " port " + std::to_string(server.asked_from());
        }
        EXPECT_EQ(seen, expected);
    }
}

TEST(AskStun, BelievesNoAnswerToAnotherQuestion) {
    const Server server([](const Packet& request, std::uint16_t port) {
        Packet other = request;
        other.back() ^= 1;
        return our_server("203.0.113.5")(other, port);
    });
    EXPECT_EQ(ask_stun(server.place(), std::chrono::milliseconds(200)).seen_at, "");
}

TEST(AskStun, SurvivesAnyAnswer) {
    for (std::size_t length = 0; length <= 32; ++length) {
        const Server server([length](const Packet& request, std::uint16_t port) {
            Packet cut = our_server("203.0.113.5")(request, port);
            cut.resize(length, 0xff);
            if (length > 22) cut[22] = 0xff;  // an attribute longer than all
            return cut;
        });
        EXPECT_EQ(ask_stun(server.place(), std::chrono::milliseconds(20)).seen_at, "") << length;
    }
}

TEST(AskStun, AsksAgainAndSaysWhenNobodyAnswers) {
    {
        const Server server(our_server("203.0.113.5"), 1);
        EXPECT_NE(ask_stun(server.place(), std::chrono::milliseconds(500)).seen_at, "");
    }
    EXPECT_EQ(ask_stun("127.0.0.1:1", std::chrono::milliseconds(5)).seen_at, "");
    EXPECT_EQ(ask_stun("no such:place:", std::chrono::milliseconds(5)).seen_at, "");
}

/// A server that answers packets of any size.
Packet answer_any(const Packet& request, std::uint16_t port) {
    Packet small(request.begin(), request.begin() + 20);
    small[2] = small[3] = 0;  // without what makes it large
    return our_server("203.0.113.5")(small, port);
}

TEST(BigPackets, ArriveWhole) {
    std::size_t came = 0;
    BigPacket packet;
    {
        const Server server([&came](const Packet& request, std::uint16_t port) {
            came = request.size();
            return answer_any(request, port);
        });
        packet = send_big_packet(server.place(), long_enough);
    }
    EXPECT_EQ(packet.result, BigPacket::Result::passed);
    EXPECT_EQ(came, 1200U);
    EXPECT_EQ(packet.bytes, 1228);
}

TEST(BigPackets, AreSentAgain) {
    const Server server(answer_any, 1);
    EXPECT_EQ(send_big_packet(server.place(), std::chrono::milliseconds(500)).result, BigPacket::Result::passed);
}

TEST(BigPackets, OfWhichNobodyTellsAreNoTrouble) {
    const Server server([](const Packet& request, std::uint16_t port) {
        Packet other = answer_any(request, port);
        other.back() ^= 1;
        other[10] ^= 1;  // the answer to another question
        return other;
    });
    EXPECT_EQ(send_big_packet(server.place(), std::chrono::milliseconds(50)).result, BigPacket::Result::silent);
    EXPECT_EQ(send_big_packet("127.0.0.1:1", std::chrono::milliseconds(5)).result, BigPacket::Result::silent);
    EXPECT_EQ(send_big_packet("no such:place:", std::chrono::milliseconds(5)).result, BigPacket::Result::silent);
}

class IdentityLook : public testing::Test {
  protected:
    IdentityLook() {
        char pattern[] = "/tmp/matriz-doctor-XXXXXX";
        folder_ = mkdtemp(pattern);
    }
    ~IdentityLook() override { fs::remove_all(folder_); }
    std::string folder_;
};

TEST_F(IdentityLook, SaysWhoItIs) {
    const auto made = identity::Identity::load_or_make(folder_);
    const IdentityFile file = look_at_identity(folder_);
    EXPECT_TRUE(file.exists && file.readable && file.error.empty()) << file.error;
    EXPECT_EQ(file.fingerprint, made.fingerprint());
}

TEST_F(IdentityLook, MakesNone) {
    const IdentityFile file = look_at_identity(folder_);
    EXPECT_FALSE(file.exists);
    EXPECT_TRUE(file.readable);
    EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(IdentityLook, SaysWhatIsWrong) {
    std::ofstream(folder_ + "/identity.pem") << "not a key";
    EXPECT_NE(look_at_identity(folder_).error.find("holds no certificate"), std::string::npos);
}

TEST_F(IdentityLook, TellsForbiddenFromMissing) {
    if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
    identity::Identity::load_or_make(folder_);
    fs::permissions(folder_ + "/identity.pem", fs::perms::none);
    EXPECT_FALSE(look_at_identity(folder_).readable);
}

}  // namespace
}  // namespace matriz::ctl::doctor
