// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "node/ports/mapper.hpp"

namespace matriz::node::ports {
namespace {

using namespace std::chrono_literals;

/// What a router remembers, whoever talks to it.
struct Router {
    std::mutex mutex;
    std::map<Mapping, int> open;  ///< how often it was asked to
    std::size_t room = 1000;
    bool gone = false;
};

class Line : public Gateway {
  public:
    explicit Line(Router& router) : router_(router) {}
    std::string name() const override { return "192.168.1.1 (test)"; }
    std::string external_address() override { return "203.0.113.5"; }
    std::optional<std::string> open(Mapping mapping, std::chrono::seconds) override {
        const std::lock_guard lock(router_.mutex);
        if (router_.gone) return "it does not answer";
        if (!router_.open.contains(mapping) && router_.open.size() >= router_.room) return "it has no room for more";
        ++router_.open[mapping];
        return std::nullopt;
    }
    void close(Mapping mapping) override {
        const std::lock_guard lock(router_.mutex);
        router_.open.erase(mapping);
    }

  private:
    Router& router_;
};

class MapperTest : public testing::Test {
  protected:
    Mapper mapper(std::vector<Mapping> wanted) {
        return Mapper(
            std::move(wanted),
            [this]() -> std::unique_ptr<Gateway> {
                const std::lock_guard lock(router_.mutex);
                ++looks_;
                if (router_.gone) return nullptr;
                return std::make_unique<Line>(router_);
            },
            [this](const Report& report) {
                const std::lock_guard lock(mutex_);
                reports_.push_back(report);
                changed_.notify_all();
            },
            {.lease = 60s, .renew = 5ms, .look_again = 5ms, .farewell = 3s});
    }

    Report wait_for(Report::State state) {
        std::unique_lock lock(mutex_);
        const bool came =
            changed_.wait_for(lock, 20s, [&] { return !reports_.empty() && reports_.back().state == state; });
        EXPECT_TRUE(came) << "never " << name(state);
        return reports_.empty() ? Report{} : reports_.back();
    }

    void set_gone(bool gone) {
        const std::lock_guard lock(router_.mutex);
        router_.gone = gone;
        if (gone) router_.open.clear();  // it was restarted
    }

    Router router_;
    std::atomic<int> looks_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Report> reports_;
};

TEST_F(MapperTest, OpensAllAndClosesAllAtTheEnd) {
    {
        const Mapper mapper = this->mapper(wanted(8554, 8600, 8603));
        const Report report = wait_for(Report::State::open);
        EXPECT_EQ(to_text(report.open), "TCP 8554 and UDP 8600-8603");
        EXPECT_EQ(report.external, "203.0.113.5");
        EXPECT_EQ(mapper.report(), report);
        const std::lock_guard lock(router_.mutex);
        EXPECT_EQ(router_.open.size(), 5U);
    }
    EXPECT_TRUE(router_.open.empty());
}

TEST_F(MapperTest, SaysWhatDidNotFit) {
    router_.room = 3;
    const Mapper mapper = this->mapper(wanted(8554, 8600, 8620));
    const Report report = wait_for(Report::State::partly);
    EXPECT_EQ(to_text(report.open), "TCP 8554 and UDP 8600-8601");
    EXPECT_EQ(report.refused.size(), 19U);
    EXPECT_EQ(report.refused.back().second, "it has no room for more");
}

TEST_F(MapperTest, OpensAgainOnARouterThatForgot) {
    const Mapper mapper = this->mapper(wanted(8554, 8600, 8601));
    wait_for(Report::State::open);
    set_gone(true);
    wait_for(Report::State::no_router);
    set_gone(false);
    wait_for(Report::State::open);
    const std::lock_guard lock(router_.mutex);
    EXPECT_EQ(router_.open.size(), 3U);
}

TEST_F(MapperTest, KeepsLookingWhereThereIsNone) {
    router_.gone = true;
    const Mapper mapper = this->mapper(wanted(8554, 8600, 8601));
    wait_for(Report::State::no_router);
    while (looks_ < 3) std::this_thread::yield();
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(reports_.size(), 1U);  // nothing new to tell
}

}  // namespace
}  // namespace matriz::node::ports
