// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/gst/rtkit.hpp"

#include <gio/gio.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <thread>

#include "common/glib/ref.hpp"

namespace matriz::gst {
namespace {

constexpr const char* interface_xml = R"(<node><interface name="org.freedesktop.RealtimeKit1">
  <method name="MakeThreadRealtimeWithPID">
    <arg name="process" type="t" direction="in"/><arg name="thread" type="t" direction="in"/>
    <arg name="priority" type="u" direction="in"/></method>
  <property name="MaxRealtimePriority" type="i" access="read"/>
  <property name="RTTimeUSecMax" type="x" access="read"/>
</interface></node>)";

constexpr int most_microseconds = 200000;

/// A bus of its own, and on it what answers as RealtimeKit does.
class Rtkit {
  public:
    explicit Rtkit(bool gives) : gives_(gives), bus_(g_test_dbus_new(G_TEST_DBUS_NONE), g_object_unref) {
        g_test_dbus_up(bus_.get());
        std::promise<void> ready;
        thread_ = std::thread([this, &ready] { serve(ready); });
        ready.get_future().wait();
    }
    ~Rtkit() {
        g_main_loop_quit(loop_.get());
        thread_.join();
        g_test_dbus_down(bus_.get());
    }
    const char* address() { return g_test_dbus_get_bus_address(bus_.get()); }

    struct Asked {
        guint64 process = 0, thread = 0;
        guint32 priority = 0;
    } asked;

  private:
    void serve(std::promise<void>& ready) {
        g_main_context_push_thread_default(context_.get());
        const auto connection = glib::Ref<GDBusConnection>::adopt(g_dbus_connection_new_for_address_sync(
            address(),
            static_cast<GDBusConnectionFlags>(G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION),
            nullptr, nullptr, nullptr));
        const std::unique_ptr<GDBusNodeInfo, decltype(&g_dbus_node_info_unref)> node(
            g_dbus_node_info_new_for_xml(interface_xml, nullptr), g_dbus_node_info_unref);
        static const GDBusInterfaceVTable table{on_call, on_get, nullptr, {}};
        g_dbus_connection_register_object(connection.get(), "/org/freedesktop/RealtimeKit1", node->interfaces[0],
                                          &table, this, nullptr, nullptr);
        GVariant* owned =
            g_dbus_connection_call_sync(connection.get(), "org.freedesktop.DBus", "/", "org.freedesktop.DBus",
                                        "RequestName", g_variant_new("(su)", "org.freedesktop.RealtimeKit1", 0),
                                        nullptr, G_DBUS_CALL_FLAGS_NONE, -1, nullptr, nullptr);
        if (owned) g_variant_unref(owned);
        ready.set_value();
        g_main_loop_run(loop_.get());
        g_dbus_connection_close_sync(connection.get(), nullptr, nullptr);
        g_main_context_pop_thread_default(context_.get());
    }
    static void on_call(GDBusConnection*, const gchar*, const gchar*, const gchar*, const gchar*, GVariant* arguments,
                        GDBusMethodInvocation* call, gpointer data) noexcept {
        auto& self = *static_cast<Rtkit*>(data);
        g_variant_get(arguments, "(ttu)", &self.asked.process, &self.asked.thread, &self.asked.priority);
        if (self.gives_)
            g_dbus_method_invocation_return_value(call, nullptr);
        else
            g_dbus_method_invocation_return_dbus_error(call, "org.freedesktop.DBus.Error.AccessDenied", "not for you");
    }
    static GVariant* on_get(GDBusConnection*, const gchar*, const gchar*, const gchar*, const gchar* property, GError**,
                            gpointer) noexcept {
        return std::string_view(property) == "RTTimeUSecMax" ? g_variant_new_int64(most_microseconds)
                                                             : g_variant_new_int32(20);
    }

    bool gives_;
    std::unique_ptr<GTestDBus, decltype(&g_object_unref)> bus_;
    glib::Ref<GMainContext> context_ = glib::Ref<GMainContext>::adopt(g_main_context_new());
    glib::Ref<GMainLoop> loop_ = glib::Ref<GMainLoop>::adopt(g_main_loop_new(context_.get(), FALSE));
    std::thread thread_;
};

bool has_bus() {
    const std::unique_ptr<char, decltype(&g_free)> daemon(g_find_program_in_path("dbus-daemon"), g_free);
    return daemon != nullptr;
}

TEST(Rtkit, GivesWhatItGivesToAnyone) {
    if (!has_bus()) GTEST_SKIP() << "no dbus-daemon here";
    Rtkit rtkit(true);
    const auto answer = ask_rtkit(gettid(), 45, rtkit.address());
    EXPECT_EQ(answer.priority, 20) << answer.refusal;
    EXPECT_EQ(rtkit.asked.process, static_cast<guint64>(getpid()));
    EXPECT_EQ(rtkit.asked.thread, static_cast<guint64>(gettid()));
    EXPECT_EQ(rtkit.asked.priority, 20U);
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_RTTIME, &limit), 0);
    EXPECT_LE(limit.rlim_max, static_cast<rlim_t>(most_microseconds)) << "it would refuse otherwise";
}

TEST(Rtkit, SaysWhyItRefuses) {
    if (!has_bus()) GTEST_SKIP() << "no dbus-daemon here";
    Rtkit rtkit(false);
    const auto answer = ask_rtkit(gettid(), 45, rtkit.address());
    EXPECT_EQ(answer.priority, 0);
    EXPECT_NE(answer.refusal.find("not for you"), std::string::npos) << answer.refusal;
}

TEST(Rtkit, NeedNotBeThere) {
    const auto answer = ask_rtkit(gettid(), 45, "unix:path=/nonexistent/bus");
    EXPECT_EQ(answer.priority, 0);
    EXPECT_NE(answer.refusal, "");
}

}  // namespace
}  // namespace matriz::gst
