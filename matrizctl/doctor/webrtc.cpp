// SPDX-License-Identifier: GPL-3.0-or-later
#include "matrizctl/doctor/webrtc.hpp"

#include <fmt/format.h>
#include <gio/gio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <random>
#include <span>

#include "common/base/error.hpp"
#include "common/glib/error.hpp"
#include "common/glib/ref.hpp"
#include "node/identity/identity.hpp"

namespace matriz::ctl::doctor {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr guint16 usual_port = 3478;
constexpr std::size_t header = 20;
constexpr std::size_t id_at = 4;  // cookie and transaction
constexpr std::size_t largest_answer = 548;
constexpr int attempts = 3;
constexpr std::array<std::uint8_t, 8> request_head{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};

std::uint16_t u16(Bytes bytes, std::size_t at) { return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]); }

std::array<std::uint8_t, header> new_request() {
    std::array<std::uint8_t, header> request{};
    std::random_device random;
    std::generate(std::copy(request_head.begin(), request_head.end(), request.begin()), request.end(),
                  [&random] { return static_cast<std::uint8_t>(random()); });
    return request;
}

/// XOR-MAPPED-ADDRESS as text; empty when `value` is none.
std::string unmasked(Bytes value, Bytes request) {
    constexpr std::size_t v4 = 4;
    constexpr std::size_t v6 = 16;
    constexpr std::size_t address_at = 4;
    if (value.size() != address_at + v4 && value.size() != address_at + v6) return {};
    std::array<std::uint8_t, v6> plain{};
    const Bytes address = value.subspan(address_at);
    for (std::size_t i = 0; i < address.size(); ++i)
        plain.at(i) = static_cast<std::uint8_t>(address[i] ^ request[id_at + i]);
    const auto inet = glib::Ref<GInetAddress>::adopt(g_inet_address_new_from_bytes(
        plain.data(), address.size() == v4 ? G_SOCKET_FAMILY_IPV4 : G_SOCKET_FAMILY_IPV6));
    char* text = g_inet_address_to_string(inet.get());
    std::string seen = fmt::format("{} port {}", text, u16(value, 2) ^ u16(request, id_at));
    g_free(text);
    return seen;
}

std::string seen_in(Bytes answer, Bytes request) {
    constexpr std::uint16_t binding_success = 0x0101;
    constexpr std::uint16_t xor_mapped_address = 0x0020;
    if (answer.size() < header || u16(answer, 0) != binding_success ||
        !std::equal(request.begin() + id_at, request.end(), answer.begin() + id_at, answer.begin() + header))
        return {};
    for (std::size_t at = header; answer.size() - at >= 4;) {
        const std::size_t length = u16(answer, at + 2);
        const Bytes rest = answer.subspan(at + 4);
        if (length > rest.size()) return {};
        if (u16(answer, at) == xor_mapped_address) return unmasked(rest.first(length), request);
        at += 4 + std::min((length + 3) & ~std::size_t{3}, rest.size());
    }
    return {};
}

glib::Ref<GSocket> socket_towards(const std::string& server) {
    const auto place =
        glib::Ref<GSocketConnectable>::adopt(g_network_address_parse(server.c_str(), usual_port, nullptr));
    if (!place) return {};
    const auto addresses = glib::Ref<GSocketAddressEnumerator>::adopt(g_socket_connectable_enumerate(place.get()));
    while (const auto address =
               glib::Ref<GSocketAddress>::adopt(g_socket_address_enumerator_next(addresses.get(), nullptr, nullptr))) {
        auto socket = glib::Ref<GSocket>::adopt(g_socket_new(g_socket_address_get_family(address.get()),
                                                             G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, nullptr));
        if (socket && g_socket_connect(socket.get(), address.get(), nullptr, nullptr) != FALSE) return socket;
    }
    return {};
}

}  // namespace

Stun ask_stun(const std::string& server, std::chrono::milliseconds patience) {
    Stun stun{.server = server, .seen_at = {}};
    const auto socket = socket_towards(server);
    if (!socket) return stun;
    const auto request = new_request();
    std::array<std::uint8_t, largest_answer> answer{};
    for (int i = 0; i < attempts && stun.seen_at.empty(); ++i) {
        g_socket_send(socket.get(), reinterpret_cast<const gchar*>(request.data()), request.size(), nullptr, nullptr);
        const gint64 wait = std::chrono::microseconds(patience).count();
        if (g_socket_condition_timed_wait(socket.get(), G_IO_IN, wait, nullptr, nullptr) == FALSE) continue;
        const gssize size =
            g_socket_receive(socket.get(), reinterpret_cast<gchar*>(answer.data()), answer.size(), nullptr, nullptr);
        if (size > 0) stun.seen_at = seen_in(Bytes(answer).first(static_cast<std::size_t>(size)), request);
    }
    return stun;
}

IdentityFile look_at_identity(const std::string& folder) {
    IdentityFile file{
        .path = folder + "/identity.pem", .exists = true, .readable = true, .fingerprint = {}, .error = {}};
    if (access(file.path.c_str(), R_OK) != 0) {
        const bool forbidden = errno == EACCES;
        file.readable = !forbidden;
        file.exists = forbidden;  // as far as can be told
        return file;
    }
    try {
        file.fingerprint = identity::Identity::load_or_make(folder).fingerprint();
    } catch (const std::exception& error) {
        file.error = describe(error);
    }
    return file;
}

}  // namespace matriz::ctl::doctor
