// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/listening.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/error.hpp"
#include "common/glib/error.hpp"
#include "node/emitter/access_auth.hpp"

namespace matriz::emitter {
namespace {

constexpr int backlog = 64;

glib::Ref<GSocket> listening_socket(const std::string& address, std::uint16_t port) {
    const auto where = glib::Ref<GSocketAddress>::adopt(g_inet_socket_address_new_from_string(address.c_str(), port));
    if (!where) throw Error("{} is no address", address);
    glib::ErrorSlot error;
    const GSocketFamily family = g_socket_address_get_family(where.get());
    auto socket =
        glib::Ref<GSocket>::adopt(g_socket_new(family, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error.out()));
    if (!socket) throw Error(error.message());
    if (family == G_SOCKET_FAMILY_IPV6) g_socket_set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, nullptr);
    g_socket_set_keepalive(socket.get(), TRUE);  // those it accepts inherit it
    g_socket_set_listen_backlog(socket.get(), backlog);
    if (g_socket_bind(socket.get(), where.get(), TRUE, error.out()) == FALSE ||
        g_socket_listen(socket.get(), error.out()) == FALSE)
        throw Error(error.message());
    return socket;
}

}  // namespace

Listening::Listening(const std::string& address, std::uint16_t port, bool first_byte, GstRTSPServer* server,
                     GMainContext* context)
    : socket_(listening_socket(address, port)) {
    if (first_byte) listen_for_first_byte(socket_.get());
    source_ = g_socket_create_source(socket_.get(), G_IO_IN, nullptr);
    g_source_set_callback(source_, G_SOURCE_FUNC(gst_rtsp_server_io_func), server, nullptr);
    g_source_attach(source_, context);
}

Listening::~Listening() {
    if (source_ == nullptr) return;
    g_source_destroy(source_);
    g_source_unref(source_);
    g_socket_close(socket_.get(), nullptr);
}

std::uint16_t Listening::port() const {
    const auto address = glib::Ref<GSocketAddress>::adopt(g_socket_get_local_address(socket_.get(), nullptr));
    return address ? g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(address.get())) : std::uint16_t{0};
}

bool Listening::ipv6_is_there() noexcept {
    const int descriptor = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return false;  // EAFNOSUPPORT: the kernel, or systemd's RestrictAddressFamilies
    ::close(descriptor);
    return true;
}

}  // namespace matriz::emitter
