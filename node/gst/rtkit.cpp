// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/gst/rtkit.hpp"

#include <gio/gio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <system_error>

#include "common/base/error.hpp"
#include "common/glib/error.hpp"
#include "common/glib/ref.hpp"

namespace matriz::gst {
namespace {

constexpr const char* service = "org.freedesktop.RealtimeKit1";
constexpr const char* path = "/org/freedesktop/RealtimeKit1";
constexpr int patience_ms = 500;

using Variant = std::unique_ptr<GVariant, decltype(&g_variant_unref)>;

Variant call(GDBusConnection* bus, const char* interface, const char* method, GVariant* arguments) {
    glib::ErrorSlot error;
    Variant answer(g_dbus_connection_call_sync(bus, service, path, interface, method, arguments, nullptr,
                                               G_DBUS_CALL_FLAGS_NONE, patience_ms, nullptr, error.out()),
                   g_variant_unref);
    error.throw_if_set();
    return answer;
}

gint64 number(GDBusConnection* bus, const char* property) {
    const Variant answer =
        call(bus, "org.freedesktop.DBus.Properties", "Get", g_variant_new("(ss)", service, property));
    GVariant* inner = nullptr;
    g_variant_get(answer.get(), "(v)", &inner);
    const Variant value(inner, g_variant_unref);
    if (g_variant_is_of_type(inner, G_VARIANT_TYPE_INT64)) return g_variant_get_int64(inner);
    if (g_variant_is_of_type(inner, G_VARIANT_TYPE_INT32)) return g_variant_get_int32(inner);
    throw Error("{} is no number", property);
}

glib::Ref<GDBusConnection> connect(const char* address) {
    glib::ErrorSlot error;
    std::unique_ptr<char, decltype(&g_free)> standard(nullptr, g_free);
    if (address == nullptr) {
        standard.reset(g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, nullptr, error.out()));
        error.throw_if_set();
        address = standard.get();
    }
    auto bus = glib::Ref<GDBusConnection>::adopt(g_dbus_connection_new_for_address_sync(
        address,
        static_cast<GDBusConnectionFlags>(G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                          G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION),
        nullptr, nullptr, error.out()));
    error.throw_if_set();
    return bus;
}

/// Real-time threads of this process may compute for so many microseconds without a pause, or less.
void limit_computing(rlim_t most) {
    rlimit limit{};
    if (getrlimit(RLIMIT_RTTIME, &limit) == 0) {
        limit.rlim_max = std::min(limit.rlim_max, most);
        limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
        if (setrlimit(RLIMIT_RTTIME, &limit) == 0) return;
    }
    throw Error("RLIMIT_RTTIME: {}", std::generic_category().message(errno));
}

}  // namespace

RtkitAnswer ask_rtkit(pid_t thread, int wanted, const char* address) noexcept {
    try {
        const auto bus = connect(address);
        const auto most = static_cast<int>(number(bus.get(), "MaxRealtimePriority"));
        if (most < 1) throw Error("it gives priority {} at the most", most);
        limit_computing(static_cast<rlim_t>(std::max<gint64>(0, number(bus.get(), "RTTimeUSecMax"))));
        const int priority = std::min(wanted, most);
        call(bus.get(), service, "MakeThreadRealtimeWithPID",
             g_variant_new("(ttu)", static_cast<guint64>(getpid()), static_cast<guint64>(thread),
                           static_cast<guint32>(priority)));
        return {priority, {}};
    } catch (const std::exception& error) {
        return {0, describe(error)};
    }
}

}  // namespace matriz::gst
