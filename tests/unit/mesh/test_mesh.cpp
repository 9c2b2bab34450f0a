// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/error.hpp"
#include "node/mesh/mesh.hpp"

namespace matriz::mesh {
namespace {

using protocol::ClientInfo;
using testing::ElementsAre;
using testing::IsEmpty;

/// What the receivers below did: "+name address", "-name", "name address" when one was told where its peer is now.
struct World {
    std::vector<std::string> events;
    bool movable = false;                      ///< they take another address
    std::set<std::string> refuse;              ///< names whose receiver cannot be made
    std::function<void(const Peer&)> on_make;  ///< called while one is made
    std::function<void(const Peer&)> on_end;   ///< called while one is destroyed
};

class Receiver {
  public:
    Receiver(World& world, Peer peer) : world_(world), peer_(std::move(peer)) {
        world_.events.push_back("+" + peer_.name + " " + peer_.endpoint());
    }
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;
    ~Receiver() {
        world_.events.push_back("-" + peer_.name);
        if (world_.on_end) world_.on_end(peer_);
    }

    bool move(const std::string& address, std::uint16_t port) {
        if (!world_.movable) return false;
        peer_.address = address;
        peer_.port = port;
        world_.events.push_back(peer_.name + " " + peer_.endpoint());
        return true;
    }

  private:
    World& world_;
    Peer peer_;
};

ClientInfo client(std::string name, std::string ip = "10.0.0.1") {
    return {.name = std::move(name), .ip = std::move(ip), .port = 8554, .stream = true, .version = 1};
}

class MeshTest : public testing::Test {
  protected:
    std::vector<std::string> take() { return std::exchange(world.events, {}); }
    void iterate_until(const std::function<bool()>& done) {
        while (!done()) g_main_context_iteration(nullptr, TRUE);
    }

    World world;
    Mesh<Receiver>::Factory factory = [this](const Peer& peer) {
        if (world.on_make) world.on_make(peer);
        if (world.refuse.contains(peer.name)) throw Error("no JACK");
        return std::make_unique<Receiver>(world, peer);
    };
};

TEST_F(MeshTest, FollowsTheList) {
    Mesh<Receiver> mesh({}, factory);
    mesh.start();
    EXPECT_THAT(take(), IsEmpty());
    mesh.apply({.clients = {client("porto"), client("lisboa"), client("braga")}, .own_name = "porto"});
    EXPECT_THAT(take(), ElementsAre("+braga 10.0.0.1:8554", "+lisboa 10.0.0.1:8554"));
    mesh.apply({.clients = {client("lisboa"), client("braga"), client("porto")}, .own_name = "porto"});
    EXPECT_THAT(take(), IsEmpty());
    mesh.apply({.clients = {client("lisboa", "10.0.0.2"), client("faro")}, .own_name = "porto"});
    EXPECT_THAT(take(), ElementsAre("-braga", "-lisboa", "+lisboa 10.0.0.2:8554", "+faro 10.0.0.1:8554"));
    mesh.apply({.clients = {}, .own_name = "porto"});
    EXPECT_THAT(take(), ElementsAre("-faro", "-lisboa"));
}

TEST_F(MeshTest, WhoseReceiverTakesAnotherAddressKeepsIt) {
    Mesh<Receiver> mesh({}, factory);
    world.movable = true;
    mesh.apply({.clients = {client("lisboa")}, .own_name = "porto"});
    mesh.apply({.clients = {client("lisboa", "2001:db8::2")}, .own_name = "porto"});
    mesh.apply({.clients = {client("lisboa", "2001:db8::2")}, .own_name = "porto"});
    EXPECT_THAT(take(), ElementsAre("+lisboa 10.0.0.1:8554", "lisboa [2001:db8::2]:8554"));
    EXPECT_EQ(mesh.entries().at("lisboa").peer.address, "2001:db8::2");
    ClientInfo another = client("lisboa", "10.0.0.3");
    another.version = 2;
    mesh.apply({.clients = {another}, .own_name = "porto"});
    EXPECT_THAT(take(), ElementsAre("-lisboa", "+lisboa 10.0.0.3:8554"));
}

TEST_F(MeshTest, TheDirectLinkStandsFromTheStartAndThroughEveryList) {
    Mesh<Receiver> mesh({.direct = direct_peer("10.0.0.9", 8554)}, factory);
    mesh.start();
    EXPECT_THAT(take(), ElementsAre("+direct 10.0.0.9:8554"));
    mesh.apply({.clients = {client("lisboa")}, .own_name = "porto"});
    mesh.apply({.clients = {}, .own_name = "porto"});
    EXPECT_THAT(take(), ElementsAre("+lisboa 10.0.0.1:8554", "-lisboa"));
}

TEST_F(MeshTest, ANewNameOfThisNodeFreesTheOldOne) {
    Mesh<Receiver> mesh({}, factory);
    mesh.apply({.clients = {client("porto"), client("norte")}, .own_name = "porto"});
    mesh.apply({.clients = {client("porto"), client("norte")}, .own_name = "norte"});
    EXPECT_THAT(take(), ElementsAre("+norte 10.0.0.1:8554", "-norte", "+porto 10.0.0.1:8554"));
}

TEST_F(MeshTest, OneThatCannotBeMadeHarmsNobodyAndIsTriedAgain) {
    Mesh<Receiver> mesh({}, factory, std::chrono::milliseconds{1});
    world.refuse = {"braga"};
    mesh.apply({.clients = {client("braga"), client("lisboa")}, .own_name = "porto"});
    EXPECT_THAT(take(), ElementsAre("+lisboa 10.0.0.1:8554"));
    int attempts = 0;
    world.on_make = [&attempts](const Peer&) { ++attempts; };
    iterate_until([&attempts] { return attempts >= 2; });
    EXPECT_THAT(world.events, IsEmpty());
    world.refuse.clear();
    iterate_until([this] { return !world.events.empty(); });
    EXPECT_THAT(take(), ElementsAre("+braga 10.0.0.1:8554"));
    EXPECT_EQ(mesh.entries().size(), 2U);
}

TEST_F(MeshTest, OneThatWasNotMadeIsForgottenWithTheList) {
    Mesh<Receiver> mesh({}, factory, std::chrono::milliseconds{1});
    world.refuse = {"braga"};
    mesh.apply({.clients = {client("braga")}, .own_name = "porto"});
    mesh.apply({.clients = {}, .own_name = "porto"});
    world.refuse.clear();
    glib::Source later;
    bool passed = false;
    later = glib::Source::after(std::chrono::milliseconds{20}, [&passed] { passed = true; });
    iterate_until([&passed] { return passed; });
    EXPECT_THAT(world.events, IsEmpty());
}

TEST_F(MeshTest, AListThatComesWhileOneIsAppliedWins) {
    Mesh<Receiver> mesh({}, factory);
    bool once = true;
    world.on_make = [&](const Peer&) {
        if (std::exchange(once, false)) mesh.apply({.clients = {client("faro")}, .own_name = "porto"});
    };
    mesh.apply({.clients = {client("braga"), client("lisboa")}, .own_name = "porto"});
    // lisboa was never started: its list was no longer true.
    EXPECT_THAT(take(), ElementsAre("+braga 10.0.0.1:8554", "-braga", "+faro 10.0.0.1:8554"));
}

TEST_F(MeshTest, AListFromADestructorToo) {
    Mesh<Receiver> mesh({}, factory);
    mesh.apply({.clients = {client("braga"), client("lisboa")}, .own_name = "porto"});
    world.on_end = [&](const Peer& peer) {
        EXPECT_FALSE(mesh.entries().contains(peer.name));
        if (peer.name == "braga") mesh.apply({.clients = {client("braga"), client("faro")}, .own_name = "porto"});
    };
    take();
    mesh.apply({.clients = {}, .own_name = "porto"});
    EXPECT_THAT(take(), ElementsAre("-braga", "-lisboa", "+braga 10.0.0.1:8554", "+faro 10.0.0.1:8554"));
    world.on_end = {};
}

TEST_F(MeshTest, StopEndsEveryoneAndNobodyComesBack) {
    Mesh<Receiver> mesh({}, factory, std::chrono::milliseconds{1});
    world.refuse = {"braga"};
    mesh.apply({.clients = {client("braga"), client("lisboa")}, .own_name = "porto"});
    take();
    mesh.stop();
    mesh.apply({.clients = {client("faro")}, .own_name = "porto"});
    EXPECT_THAT(take(), ElementsAre("-lisboa"));
    EXPECT_THAT(mesh.entries(), IsEmpty());
}

TEST_F(MeshTest, StopFromWithinAFactory) {
    Mesh<Receiver> mesh({}, factory);
    world.on_make = [&](const Peer&) { mesh.stop(); };
    mesh.apply({.clients = {client("braga"), client("lisboa")}, .own_name = "porto"});
    EXPECT_THAT(take(), ElementsAre("+braga 10.0.0.1:8554", "-braga"));
}

TEST_F(MeshTest, DestructionEndsEveryone) {
    {
        Mesh<Receiver> mesh({}, factory);
        mesh.apply({.clients = {client("braga")}, .own_name = "porto"});
    }
    EXPECT_THAT(take(), ElementsAre("+braga 10.0.0.1:8554", "-braga"));
}

}  // namespace
}  // namespace matriz::mesh
