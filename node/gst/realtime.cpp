// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/gst/realtime.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>

#include "common/base/log.hpp"
#include "node/gst/rtkit.hpp"

namespace matriz::gst {
namespace {

/// jackd's default is 10 and people give it 70 to 95; its clients run 5 below. Interrupt threads run at 50.
constexpr int priority = 45;

int set_policy(int policy, int level) noexcept {
    sched_param parameters{};
    parameters.sched_priority = level;
    return pthread_setschedparam(pthread_self(), policy, &parameters);
}

void complain_once(int error, const std::string& refusal) noexcept {
    static std::once_flag once;
    std::call_once(once, [&] {
        log::Logger("node").warning(
            "no right to real-time priority ({}), and RealtimeKit gives none ({}): sound may drop out when the machine "
            "is busy. Put the user into a group with the lines \"@audio - rtprio 95\" and \"@audio - memlock "
            "unlimited\" in /etc/security/limits.d/audio.conf, or start the node with LimitRTPRIO=95",
            std::generic_category().message(error), refusal);
    });
}

/// The priority that the thread may have without a privilege; 0: none.
int allowed_priority() noexcept {
    rlimit limit{};
    if (getrlimit(RLIMIT_RTPRIO, &limit) != 0) return 0;
    return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, priority));
}

void say_less_once(int level, const char* whose) noexcept {
    static std::once_flag once;
    std::call_once(once, [&] {
        log::Logger("node").warning(
            "real-time priority is limited to {} here by {}, {} would be right: sound may drop out when what stands "
            "above it is busy; \"@audio - rtprio 95\" in /etc/security/limits.d/audio.conf or LimitRTPRIO=95 lifts the "
            "limit",
            level, whose, priority);
    });
}

/// For a thread that carries nothing yet. After a refusal, as where there is no RealtimeKit, no other thread asks.
void ask_for_priority(int error) noexcept {
    static std::atomic<bool> refused{false};
    if (refused) return;
    const auto answer = ask_rtkit(gettid(), priority);
    if (answer.priority > 0) return say_less_once(answer.priority, "RealtimeKit");
    refused = true;
    complain_once(error, answer.refusal);
}

/// The tasks of data channels and of DTLS carry none, and must not hold up those that do. When dtlsenc closes, its task
/// is told to flush first and to stop after that, and in between it returns and is called again without a pause: with
/// real-time priority it can keep the very thread that would stop it from its processor, until the kernel throttles it.
bool carries_audio(GstElement* owner) noexcept {
    GstElementFactory* factory = gst_element_get_factory(owner);
    const std::string_view name = factory != nullptr ? GST_OBJECT_NAME(factory) : "";
    return name != "dtlsenc" && name != "dtlsdec" && name != "sctpenc" && name != "sctpdec";
}

GstBusSyncReply on_sync_message(GstBus*, GstMessage* message, gpointer) noexcept {
    if (GST_MESSAGE_TYPE(message) != GST_MESSAGE_STREAM_STATUS) return GST_BUS_PASS;
    GstStreamStatusType type{};
    GstElement* owner = nullptr;
    gst_message_parse_stream_status(message, &type, &owner);
    if (owner == nullptr || !carries_audio(owner)) return GST_BUS_PASS;
    // Both come from the streaming thread itself. Threads are used again for other tasks: give back what was taken.
    if (type == GST_STREAM_STATUS_TYPE_ENTER) {
        take_priority();
    } else if (type == GST_STREAM_STATUS_TYPE_LEAVE) {
        set_policy(SCHED_OTHER, 0);
    }
    return GST_BUS_PASS;
}

}  // namespace

void take_priority() noexcept {
    // Round robin: of two that are ready, neither starves the other.
    const int error = set_policy(SCHED_RR, priority);
    if (error == 0) return;
    const int level = allowed_priority();
    if (level > 0 && set_policy(SCHED_RR, level) == 0) return say_less_once(level, "RLIMIT_RTPRIO");
    ask_for_priority(error);
}

void use_realtime_threads(GstElement* pipeline) {
    const auto bus = Ref<GstBus>::adopt(gst_element_get_bus(pipeline));
    gst_bus_set_sync_handler(bus.get(), on_sync_message, nullptr, nullptr);
}

}  // namespace matriz::gst
