// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/gst/realtime.hpp"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "node/gst/init.hpp"
#include "node/gst/pipeline.hpp"

namespace matriz::gst {
namespace {

bool may_be_realtime() {
    int policy = 0;
    sched_param before{};
    pthread_getschedparam(pthread_self(), &policy, &before);
    sched_param wanted{};
    wanted.sched_priority = 1;
    if (pthread_setschedparam(pthread_self(), SCHED_RR, &wanted) != 0) return false;
    pthread_setschedparam(pthread_self(), policy, &before);
    return true;
}

struct Seen {
    std::atomic<int> policy{-1};
    static GstPadProbeReturn look(GstPad*, GstPadProbeInfo*, gpointer data) noexcept {
        int policy = 0;
        sched_param parameters{};
        pthread_getschedparam(pthread_self(), &policy, &parameters);
        static_cast<Seen*>(data)->policy = policy;
        return GST_PAD_PROBE_OK;
    }
};

TEST(Realtime, StreamingThreadsHaveItWhereTheyMay) {
    initialise();
    Seen seen;
    Pipeline pipeline("test");
    GstElement* source = pipeline.add("audiotestsrc");
    GstElement* sink = pipeline.add("fakesink");
    Pipeline::link({source, sink});
    const auto pad = Ref<GstPad>::adopt(gst_element_get_static_pad(source, "src"));
    gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_BUFFER, Seen::look, &seen, nullptr);
    pipeline.play();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (seen.policy < 0 && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    EXPECT_EQ(seen.policy, may_be_realtime() ? SCHED_RR : SCHED_OTHER);
}

/// The thread's privilege beyond the limit. False when it cannot be given up.
bool drop_privilege() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
    if (syscall(SYS_capget, &header, data) != 0) return false;
    data[0].effective &= ~(1U << CAP_SYS_NICE);
    return syscall(SYS_capset, &header, data) == 0;
}

TEST(Realtime, AThreadTakesWhatTheLimitAllows) {
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_RTPRIO, &before), 0);
    const rlimit low{20, before.rlim_max};
    if (before.rlim_max < low.rlim_cur && geteuid() != 0) GTEST_SKIP() << "no right to real-time priority here";
    const rlimit set{low.rlim_cur, std::max(low.rlim_cur, before.rlim_max)};
    if (setrlimit(RLIMIT_RTPRIO, &set) != 0) GTEST_SKIP() << "the limit cannot be set here";
    int policy = -1;
    sched_param got{};
    bool dropped = false;
    std::thread([&] {
        dropped = drop_privilege();
        take_priority();
        pthread_getschedparam(pthread_self(), &policy, &got);
    }).join();
    setrlimit(RLIMIT_RTPRIO, &before);
    ASSERT_TRUE(dropped);
    EXPECT_EQ(policy, SCHED_RR);
    EXPECT_EQ(got.sched_priority, 20);
}

}  // namespace
}  // namespace matriz::gst
