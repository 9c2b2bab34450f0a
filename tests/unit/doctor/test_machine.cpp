// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "matrizctl/doctor/machine.hpp"
#include "matrizctl/doctor/visit.hpp"

namespace matriz::ctl::doctor {
namespace {

namespace fs = std::filesystem;

const std::string limits = "Limit                     Soft Limit           Hard Limit           Units\n";

/// /proc/PID/task/TID/stat of a thread with that name, priority (field 40) and policy (field 41).
std::string stat_of(const std::string& name, int priority, int policy) {
    std::string stat = "1 (" + name + ") S";
    for (int field = 4; field <= 52; ++field)
        stat += " " + std::to_string(field == 40 ? priority : field == 41 ? policy : 7);
    return stat + "\n";
}

class MachineTest : public testing::Test {
  protected:
    MachineTest() {
        char pattern[] = "/tmp/matriz-doctor-XXXXXX";
        root_ = mkdtemp(pattern);
    }
    ~MachineTest() override { fs::remove_all(root_); }
    void write(const std::string& name, const std::string& text) const {
        fs::create_directories((root_ / name).parent_path());
        std::ofstream(root_ / name) << text;
    }
    fs::path root_;
};

TEST_F(MachineTest, IsReadFromItsFiles) {
    write("proc/asound/cards",
          " 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones\n                      bcm2835 Headphones\n"
          " 1 [USB            ]: USB-Audio - USB Audio CODEC\n                      Burr-Brown at usb-0000, full "
          "speed\n");
    write("proc/asound/card1/usbid", "08bb:2902\n");
    write("proc/1/comm", "systemd\n");
    write("proc/123/comm", "jackd\n");
    std::string stat = "123 (jackd) S";
    for (int field = 4; field <= 52; ++field) stat += field == 40 ? " 70" : " 1";
    write("proc/123/task/124/stat", stat + "\n");
    write("proc/123/limits", limits + "Max locked memory         unlimited            unlimited            bytes\n");
    write("proc/130/comm", "matriz\n");
    write("proc/130/limits", limits + "Max locked memory         8388608              67108864             bytes\n");
    write("proc/130/task/130/stat", stat_of("matriz", 10, 2));
    write("proc/130/task/131/stat", stat_of("a ) b", 45, 2));
    write("proc/131/comm", "matriz\n");
    write("proc/131/task/131/stat", stat_of("matriz", 10, 2));
    write("proc/131/task/132/stat", stat_of("matriz", 65, 1));
    write("proc/123/task/123/stat", "123 (jack) d) S 1 2 3\n");
    write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n");
    write("etc/matriz/audio.conf", "# x\nDEVICE='hw:USB'\nRATE=48000\nDRIVER=alsa\n");
    const Machine machine = look_at_machine(root_, root_);
    EXPECT_TRUE(machine.has_alsa);
    ASSERT_EQ(machine.cards.size(), 2U);
    EXPECT_EQ(machine.cards[1].name, "USB");
    EXPECT_EQ(machine.cards[1].index, 1);
    EXPECT_EQ(machine.cards[1].title, "USB Audio CODEC");
    EXPECT_TRUE(machine.cards[1].usb);
    EXPECT_FALSE(machine.cards[0].usb);
    EXPECT_EQ(machine.wanted_card, "hw:USB");
    ASSERT_EQ(machine.jackds.size(), 1U);
    EXPECT_EQ(machine.jackds[0].pid, 123);
    EXPECT_EQ(machine.jackds[0].realtime_priority, 70);
    EXPECT_EQ(machine.jackds[0].fifo_priority, 70);
    EXPECT_FALSE(machine.jackds[0].lockable);
    ASSERT_EQ(machine.nodes.size(), 2U);
    const auto& [first, second] =
        std::minmax(machine.nodes[0], machine.nodes[1], [](const auto& a, const auto& b) { return a.pid < b.pid; });
    EXPECT_EQ(first.realtime_priority, 45);
    EXPECT_EQ(first.fifo_priority, 0);
    EXPECT_EQ(first.lockable, 8388608U);
    EXPECT_EQ(second.fifo_priority, 65);
    EXPECT_EQ(machine.governors, std::vector<std::string>{"ondemand"});
    EXPECT_TRUE(machine.free_bytes);
}

TEST_F(MachineTest, MayHaveNothing) {
    const Machine machine = look_at_machine(root_, (root_ / "nowhere").string());
    EXPECT_FALSE(machine.has_alsa);
    EXPECT_TRUE(machine.cards.empty());
    EXPECT_TRUE(machine.jackds.empty());
    EXPECT_EQ(machine.wanted_card, "auto");
    EXPECT_FALSE(machine.free_bytes);
}

TEST(Ways, AreMeasured) {
    const auto loopback = mtu_towards("here", "127.0.0.1");
    ASSERT_TRUE(loopback);
    EXPECT_GE(loopback->bytes, 1280);
    EXPECT_FALSE(mtu_towards("nobody", "this is no host"));
    EXPECT_EQ(host_of("wss://[2001:db8::1]:5000/config"), "2001:db8::1");
    EXPECT_EQ(host_of("ws://matriz.example.org/config"), "matriz.example.org");
    EXPECT_EQ(host_of("::"), "");
}

TEST(JackVisits, FindNoServerOfAStrangeName) { EXPECT_FALSE(visit_jack("matriz-no-such-server").joined); }

}  // namespace
}  // namespace matriz::ctl::doctor
