// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "node/ports/mapper.hpp"

namespace matriz::node::ports {
namespace {

using namespace std::chrono_literals;

/// What a router remembers, whoever talks to it.
struct Router {
    std::mutex mutex;
    std::map<Mapping, int> open;  ///< how often it was asked to
    std::vector<Mapping> closed;
    std::size_t room = 1000;
    bool gone = false;
    bool refuses = false;      ///< to open and to renew; what is open stays
    std::set<Mapping> others;  ///< another machine has these
    std::string name = "192.168.1.1 (test)";
    std::string leads_to = "192.168.1.2";  ///< what asks now
    std::chrono::milliseconds slow{0};     ///< what an answer takes
    std::function<void()> on_open;         ///< before each answer, without the mutex
    std::atomic<int> looks = 0;            ///< for it
};

class Line : public Gateway {
  public:
    explicit Line(std::shared_ptr<Router> router)
        : router_(std::move(router)), name_(router_->name), own_(router_->leads_to) {}
    std::string name() const override { return name_; }
    std::string own_address() const override { return own_; }
    std::string external_address() override { return "203.0.113.5"; }
    std::optional<Refusal> open(Mapping mapping, std::chrono::seconds) override {
        if (router_->on_open) router_->on_open();
        const std::lock_guard lock(router_->mutex);
        if (router_->gone) return Refusal{.reason = "it does not answer", .unanswered = true};
        if (router_->others.contains(mapping)) return Refusal{.reason = "it is taken", .others = true};
        if (router_->refuses) return Refusal{.reason = "not now"};
        if (!router_->open.contains(mapping) && router_->open.size() >= router_->room)
            return Refusal{.reason = "it has no room for more"};
        ++router_->open[mapping];
        return std::nullopt;
    }
    bool close(Mapping mapping) override {
        std::this_thread::sleep_for(router_->slow);
        const std::lock_guard lock(router_->mutex);
        router_->closed.push_back(mapping);
        if (router_->gone) return false;
        router_->open.erase(mapping);
        return true;
    }

  private:
    const std::shared_ptr<Router> router_;
    const std::string name_;
    const std::string own_;
};

class MapperTest : public testing::Test {
  protected:
    static constexpr Mapper::Times quick{.lease = 60s, .renew = 5ms, .look_again = 5ms};

    std::unique_ptr<Mapper> mapper(std::vector<Mapping> wanted, Mapper::Times times = quick) {
        return std::make_unique<Mapper>(
            std::move(wanted),
            // The search may outlast this test.
            [router = router_]() -> std::unique_ptr<Gateway> {
                const std::lock_guard lock(router->mutex);
                ++router->looks;
                if (router->gone) return nullptr;
                return std::make_unique<Line>(router);
            },
            [this](const Report& report) {
                const std::lock_guard lock(mutex_);
                reports_.push_back(report);
                changed_.notify_all();
            },
            times);
    }

    Report wait_for(Report::State state) {
        std::unique_lock lock(mutex_);
        const bool came =
            changed_.wait_for(lock, 20s, [&] { return !reports_.empty() && reports_.back().state == state; });
        EXPECT_TRUE(came) << "never " << name(state);
        return reports_.empty() ? Report{} : reports_.back();
    }

    static bool eventually(const std::function<bool()>& holds) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!holds() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(5ms);
        return holds();
    }

    void set_gone(bool gone) {
        const std::lock_guard lock(router_->mutex);
        router_->gone = gone;
        if (gone) router_->open.clear();  // it was restarted
    }

    const std::shared_ptr<Router> router_ = std::make_shared<Router>();
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Report> reports_;
};

TEST_F(MapperTest, OpensAllAndClosesAllAtTheEnd) {
    auto mapper = this->mapper(wanted(8554, 8600, 8603));
    const Report report = wait_for(Report::State::open);
    EXPECT_EQ(to_text(report.open), "TCP 8554 and UDP 8600-8603");
    EXPECT_EQ(report.external, "203.0.113.5");
    EXPECT_EQ(mapper->report(), report);
    {
        const std::lock_guard lock(router_->mutex);
        EXPECT_EQ(router_->open.size(), 5U);
    }
    mapper.reset();
    EXPECT_TRUE(router_->open.empty());
}

TEST_F(MapperTest, SaysWhatDidNotFit) {
    router_->room = 3;
    const auto mapper = this->mapper(wanted(8554, 8600, 8620));
    const Report report = wait_for(Report::State::partly);
    EXPECT_EQ(to_text(report.open), "TCP 8554 and UDP 8600-8601");
    EXPECT_EQ(report.refused.size(), 19U);
    EXPECT_EQ(report.refused.back().second, "it has no room for more");
}

TEST_F(MapperTest, OpensAgainOnARouterThatForgot) {
    const auto mapper = this->mapper(wanted(8554, 8600, 8601));
    wait_for(Report::State::open);
    set_gone(true);
    wait_for(Report::State::no_router);
    set_gone(false);
    wait_for(Report::State::open);
    const std::lock_guard lock(router_->mutex);
    EXPECT_EQ(router_->open.size(), 3U);
}

TEST_F(MapperTest, KeepsLookingWhereThereIsNone) {
    router_->gone = true;
    const auto mapper = this->mapper(wanted(8554, 8600, 8601));
    wait_for(Report::State::no_router);
    while (router_->looks < 3) std::this_thread::yield();
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(reports_.size(), 1U);  // nothing new to tell
}

TEST_F(MapperTest, StoppedWhileRenewingClosesAll) {
    std::atomic<int> opens = 0;
    std::promise<void> renewing;
    std::promise<void> left;
    router_->on_open = [&, released = left.get_future().share()] {
        if (++opens != 5 + 2) return;  // the second of the first renewal
        renewing.set_value();
        released.wait();
    };
    auto mapper = this->mapper(wanted(8554, 8600, 8603));
    renewing.get_future().wait();
    mapper->leave();
    left.set_value();
    mapper.reset();
    EXPECT_EQ(opens, 5 + 2);
    EXPECT_TRUE(router_->open.empty());
}

TEST_F(MapperTest, ClosesWhatWasNotRenewed) {
    auto mapper = this->mapper(wanted(8554, 8600, 8603));
    wait_for(Report::State::open);
    {
        const std::lock_guard lock(router_->mutex);
        router_->refuses = true;
    }
    wait_for(Report::State::refused);
    const int looks = router_->looks;
    while (router_->looks < looks + 2) std::this_thread::yield();  // met anew, it still holds them
    mapper.reset();
    EXPECT_TRUE(router_->open.empty());
}

TEST_F(MapperTest, ClosesAtARouterThatWasMetBefore) {
    auto mapper = this->mapper(wanted(8554, 8600, 8603));
    wait_for(Report::State::open);
    {
        const std::lock_guard lock(router_->mutex);
        router_->refuses = true;
        router_->name = "10.0.0.1 (test)";
    }
    wait_for(Report::State::refused);
    const int looks = router_->looks;
    while (router_->looks < looks + 2) std::this_thread::yield();
    mapper.reset();
    EXPECT_TRUE(router_->open.empty());
}

TEST_F(MapperTest, PortsFollowTheMachineToAnotherAddress) {
    const auto keeper = mapper(wanted(8554, 8600, 8600), {.lease = 3600s, .renew = 1h, .look_again = 1h});
    wait_for(Report::State::open);
    {
        const std::lock_guard lock(router_->mutex);
        EXPECT_TRUE(router_->closed.empty());
        router_->leads_to = "192.168.1.3";
    }
    // A port that was closed begins to count anew.
    const auto asked_for = [&](int times) {
        return eventually([&] {
            const std::lock_guard lock(router_->mutex);
            return router_->closed.size() == 2 && router_->open.size() == 2 &&
                   std::all_of(router_->open.begin(), router_->open.end(),
                               [&](const auto& port) { return port.second == times; });
        });
    };
    keeper->addresses_changed();
    EXPECT_TRUE(asked_for(1));
    keeper->addresses_changed();  // of another interface: nothing has to be closed for it
    EXPECT_TRUE(asked_for(2));
}

TEST_F(MapperTest, LeavesThePortsOfOthersAlone) {
    auto mapper = this->mapper(wanted(8554, 8600, 8601));
    wait_for(Report::State::open);
    {
        const std::lock_guard lock(router_->mutex);
        router_->others.insert({Protocol::tcp, 8554});
    }
    wait_for(Report::State::partly);
    mapper.reset();
    EXPECT_EQ(to_text(router_->closed), "UDP 8600-8601");
}

TEST_F(MapperTest, ASlowRouterGetsTheTimeItTakes) {
    router_->slow = 40ms;
    auto mapper = this->mapper(wanted(8554, 8600, 8700), {});
    wait_for(Report::State::open);
    mapper.reset();
    EXPECT_TRUE(router_->open.empty());
    EXPECT_EQ(router_->closed.size(), 102U);
}

TEST_F(MapperTest, ARouterThatIsGoneIsNotWaitedForAtEachPort) {
    auto mapper = this->mapper(wanted(8554, 8600, 8700), {.renew = 1h});
    wait_for(Report::State::open);
    set_gone(true);
    mapper.reset();
    EXPECT_EQ(router_->closed.size(), 3U);
}

TEST(MapperSearch, IsNotWaitedForAtTheEnd) {
    std::promise<void> searching;
    std::promise<void> ended;
    std::promise<void> over;
    {
        const Mapper mapper(wanted(8554, 8600, 8601),
                            [&searching, &over, released = ended.get_future().share()]() -> std::unique_ptr<Gateway> {
                                searching.set_value();
                                released.wait();
                                over.set_value_at_thread_exit();
                                return nullptr;
                            },
                            nullptr, {});
        searching.get_future().wait();
    }
    ended.set_value();
    over.get_future().wait();
}

}  // namespace
}  // namespace matriz::node::ports
