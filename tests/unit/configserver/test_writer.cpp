// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/error.hpp"
#include "configserver/store/store.hpp"
#include "configserver/store/writer.hpp"

namespace matriz::store {
namespace {

void iterate_until(const std::function<bool()>& done) {
    while (!done()) g_main_context_iteration(nullptr, TRUE);
}

class WriterTest : public testing::Test {
  protected:
    WriterTest() : folder_(make_folder()), store_(std::make_unique<Store>(folder_ / "store.sqlite")) {
        writer_.emplace(*store_);
    }
    ~WriterTest() override {
        if (held_) disk_.set_value();
        writer_.reset();
        store_.reset();
        std::filesystem::remove_all(folder_);
    }

    static std::filesystem::path make_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "matriz-writer-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw Error("no temporary folder");
        return name;
    }
    /// A change under way that ends with let_go(): the disk hangs.
    void hold() {
        held_ = true;
        std::promise<void> begun;
        auto has_begun = begun.get_future();
        push("", [this, begun = std::make_shared<std::promise<void>>(std::move(begun))](Store&) {
            begun->set_value();
            disk_.get_future().wait();
        });
        has_begun.wait();
    }
    void let_go() {
        held_ = false;
        disk_.set_value();
    }
    /// Told as "MARK" once it is on the disk, and as "MARK!" when it is not.
    void push(const std::string& subject, std::function<void(Store&)> write, const std::string& mark = "") {
        const bool taken = writer_->push(
            {.subject = subject, .write = std::move(write), .written = [this, mark] { written_.push_back(mark); }},
            [this, mark](const auto& trouble) { told_.push_back(mark + (trouble ? "!" : "")); });
        if (!taken) told_.push_back(mark + "?");
    }
    void save(const std::string& room, const std::string& hears) {
        push(
            "routes of " + room, [room, hears](Store& store) { store.save_routes(room, hears); }, hears);
    }
    /// What is on the disk, once all is written.
    std::map<std::string, std::string> stored() {
        writer_.reset();
        return store_->routes();
    }

    const std::filesystem::path folder_;
    std::unique_ptr<Store> store_;
    std::optional<Writer> writer_;
    std::promise<void> disk_;
    bool held_ = false;
    std::vector<std::string> written_;
    std::vector<std::string> told_;
};

using Marks = std::vector<std::string>;

TEST_F(WriterTest, TellsOnceItIsOnTheDisk) {
    save("r", "1");
    EXPECT_TRUE(told_.empty()) << "before the main loop had its turn";
    EXPECT_EQ(writer_->waiting(), 1U);
    iterate_until([&] { return !told_.empty(); });
    EXPECT_EQ(written_, Marks{"1"});
    EXPECT_EQ(told_, Marks{"1"});
    EXPECT_EQ(writer_->waiting(), 0U);
}

TEST_F(WriterTest, WritesOnAThreadOfItsOwnWhileTheMainOneGoesOn) {
    hold();
    bool turned = false;
    g_idle_add_once([](gpointer flag) { *static_cast<bool*>(flag) = true; }, &turned);
    iterate_until([&] { return turned; });
    EXPECT_TRUE(told_.empty());
    let_go();
    iterate_until([&] { return !told_.empty(); });
}

TEST_F(WriterTest, KeepsTheOrder) {
    hold();
    for (int i = 0; i < 20; ++i) save("r" + std::to_string(i % 7), std::to_string(i));
    push(
        "", [](Store& store) { store.save_key("n", "first", nullptr); }, "first");
    push(
        "", [](Store& store) { store.save_key("n", "second", nullptr); }, "second");
    let_go();
    iterate_until([&] { return told_.size() == 23; });
    EXPECT_EQ(written_.back(), "second");
    EXPECT_EQ(told_.back(), "second");
    EXPECT_EQ(stored().at("r5"), "19");
    EXPECT_EQ(store_->keys().at("n").hash, "second");
}

TEST_F(WriterTest, TheNewestOfASubjectIsWrittenAndAllAreTold) {
    hold();
    save("a", "a1");
    save("b", "b1");
    save("a", "a2");
    save("a", "a3");
    let_go();
    iterate_until([&] { return told_.size() == 5; });
    EXPECT_EQ(written_, (Marks{"", "a3", "b1"}));
    EXPECT_EQ(told_, (Marks{"", "a1", "a2", "a3", "b1"}));
    EXPECT_EQ(stored(), (std::map<std::string, std::string>{{"a", "a3"}, {"b", "b1"}}));
}

TEST_F(WriterTest, WhatIsUnderWayIsNotReplaced) {
    held_ = true;
    std::promise<void> begun;
    push(
        "s",
        [&](Store&) {
            begun.set_value();
            disk_.get_future().wait();
        },
        "under way");
    begun.get_future().wait();
    push(
        "s", [](Store&) {}, "next");
    let_go();
    iterate_until([&] { return told_.size() == 2; });
    EXPECT_EQ(written_, (Marks{"under way", "next"}));
}

TEST_F(WriterTest, TroubleIsToldAndEndsNothing) {
    hold();
    push(
        "s", [](Store&) {}, "replaced");
    push(
        "s", [](Store&) { throw Error("the disk is full"); }, "full");
    save("r", "after");
    let_go();
    iterate_until([&] { return told_.size() == 4; });
    EXPECT_EQ(told_, (Marks{"", "replaced!", "full!", "after"}));
    EXPECT_EQ(written_, (Marks{"", "after"}));
}

TEST_F(WriterTest, WhatAnAnswerCausesEndsNobody) {
    ASSERT_TRUE(writer_->push({.subject = "", .write = [](Store&) {}, .written = [] { throw Error("no memory"); }},
                              [](const auto&) { throw Error("no memory"); }));
    save("r", "1");
    iterate_until([&] { return !told_.empty(); });
    EXPECT_EQ(told_, Marks{"1"});
}

TEST_F(WriterTest, OnlySoManyWait) {
    writer_->set_limit(3);
    hold();
    for (const char* mark : {"1", "2", "3"}) save("r", mark);
    EXPECT_EQ(told_, Marks{"3?"});
    let_go();
    iterate_until([&] { return told_.size() == 4; });
    save("r", "4");
    iterate_until([&] { return told_.size() == 5; });
    EXPECT_EQ(told_, (Marks{"3?", "", "1", "2", "4"}));
}

TEST_F(WriterTest, WhatWaitsAtTheEndIsWrittenAndNobodyIsTold) {
    hold();
    save("a", "1");
    save("b", "2");
    std::thread disk([this] { let_go(); });
    EXPECT_EQ(stored(), (std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}}));
    disk.join();
    while (g_main_context_iteration(nullptr, FALSE) != FALSE) continue;
    EXPECT_TRUE(told_.empty());
}

}  // namespace
}  // namespace matriz::store
