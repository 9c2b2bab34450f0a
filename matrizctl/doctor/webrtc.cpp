// SPDX-License-Identifier: GPL-3.0-or-later
#include "matrizctl/doctor/webrtc.hpp"

#include <fmt/format.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

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

/// Is this a response to that request, whatever it says?
bool answers(Bytes answer, Bytes request) {
    constexpr std::uint16_t binding_response = 0x0101;
    constexpr std::uint16_t that_is_an_error = 0x0010;
    return answer.size() >= header && (u16(answer, 0) & ~that_is_an_error) == binding_response &&
           std::equal(request.begin() + id_at, request.begin() + header, answer.begin() + id_at);
}

/// The request with an attribute that means nothing and may be passed over, `size` bytes in all.
std::vector<std::uint8_t> padded(const std::array<std::uint8_t, header>& request, std::size_t size) {
    constexpr std::uint8_t optional = 0xff;  // types from 0x8000 on may be
    std::vector<std::uint8_t> all(request.begin(), request.end());
    all.resize(size);
    const auto put = [&all](std::size_t at, std::size_t value) {
        all[at] = static_cast<std::uint8_t>(value >> 8);
        all[at + 1] = static_cast<std::uint8_t>(value);
    };
    put(2, size - header);
    all[header] = all[header + 1] = optional;
    put(header + 2, size - header - 4);
    return all;
}

std::string seen_in(Bytes answer, Bytes request) {
    constexpr std::uint16_t binding_success = 0x0101;
    constexpr std::uint16_t xor_mapped_address = 0x0020;
    if (!answers(answer, request) || u16(answer, 0) != binding_success) return {};
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

BigPacket send_big_packet(const std::string& server, std::chrono::milliseconds patience) {
    constexpr std::size_t size = 1200;
    BigPacket packet{.server = server, .bytes = 0, .result = BigPacket::Result::silent, .limit = 0};
    const auto socket = socket_towards(server);
    if (!socket) return packet;
    const int fd = g_socket_get_fd(socket.get());
    const bool six = g_socket_get_family(socket.get()) == G_SOCKET_FAMILY_IPV6;
    const int level = six ? IPPROTO_IPV6 : IPPROTO_IP;
    packet.bytes = static_cast<int>(size) + (six ? 48 : 28);
    const int never = six ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;
    if (setsockopt(fd, level, six ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &never, sizeof never) != 0) return packet;
    const std::vector<std::uint8_t> request = padded(new_request(), size);
    std::array<std::uint8_t, largest_answer> answer{};
    for (int i = 0; i < attempts; ++i) {
        // What a router has told of the packet before comes as the error of whatever is called next.
        ssize_t done = send(fd, request.data(), request.size(), 0);
        pollfd events{fd, POLLIN, 0};
        if (done >= 0 && poll(&events, 1, static_cast<int>(patience.count())) > 0)
            done = recv(fd, answer.data(), answer.size(), 0);
        else if (done >= 0)
            continue;
        if (done < 0 && errno == EMSGSIZE) {
            socklen_t length = sizeof packet.limit;
            getsockopt(fd, level, six ? IPV6_MTU : IP_MTU, &packet.limit, &length);
            packet.result = BigPacket::Result::refused;
            break;
        }
        if (done > 0 && answers(Bytes(answer).first(static_cast<std::size_t>(done)), request)) {
            packet.result = BigPacket::Result::passed;
            break;
        }
    }
    return packet;
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
