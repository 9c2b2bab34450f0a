// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/gst/worker.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

#include "common/base/error.hpp"
#include "node/gst/reaper.hpp"

namespace matriz::gst {
namespace {

TEST(Worker, RunsWhatIsPostedInOrderAndBeforeItEnds) {
    std::vector<int> order;
    {
        Worker worker("test");
        for (int i = 0; i < 100; ++i) worker.post([&order, i] { order.push_back(i); });
    }
    ASSERT_EQ(order.size(), 100u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(Worker, RunsWhatItsTasksPostBeforeItEnds) {
    constexpr int tasks = 20;
    int ran = 0;
    std::function<void()> task;
    {
        Worker worker("test");
        // Each posts the next; somewhere among them it is told to end.
        task = [&] {
            if (++ran < tasks) worker.post(task);
        };
        worker.post(task);
    }
    EXPECT_EQ(ran, tasks);
}

TEST(Worker, RunWaitsAndHandsExceptionsOn) {
    Worker worker("test");
    std::thread::id where;
    worker.run([&] { where = std::this_thread::get_id(); });
    EXPECT_NE(where, std::this_thread::get_id());
    EXPECT_THROW(worker.run([] { throw Error("no"); }), Error);
    worker.run([] {});
}

TEST(Reaper, EndsThingsElsewhereAndAllOfThemBeforeItself) {
    class Thing {
      public:
        Thing(std::atomic<int>& ended, std::shared_future<void> permission)
            : ended_(ended), permission_(std::move(permission)) {}
        Thing(const Thing&) = delete;
        Thing& operator=(const Thing&) = delete;
        ~Thing() {
            permission_.wait();
            ++ended_;
        }

      private:
        std::atomic<int>& ended_;
        std::shared_future<void> permission_;
    };
    std::atomic<int> ended{0};
    std::promise<void> permission;
    const auto granted = permission.get_future().share();
    {
        Reaper reaper;
        for (int i = 0; i < 10; ++i) reaper.take(std::make_shared<Thing>(ended, granted));
        EXPECT_EQ(reaper.pending(), 10u) << "taking does not wait";
        permission.set_value();
    }
    EXPECT_EQ(ended, 10);
}

}  // namespace
}  // namespace matriz::gst
