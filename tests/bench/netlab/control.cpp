// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/netlab/control.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "common/base/error.hpp"

namespace matriz::netlab {
namespace {

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw Error("{}: too long for a socket", path);
    std::memcpy(address.sun_path, path.c_str(), path.size());
    return address;
}

/// Sends a line and, unless `descriptor` is negative, that descriptor with it (SCM_RIGHTS, see unix(7)).
void send_line(int socket, const std::string& line, int descriptor = -1) {
    std::string text = line + "\n";
    iovec data{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
    if (descriptor >= 0) {
        message.msg_control = space.data();
        message.msg_controllen = space.size();
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);  // who does not read its answer goes without
}

}  // namespace

Control::Control(Exchange& exchange, std::string path, bool use_stdin) : exchange_(exchange), path_(std::move(path)) {
    if (!path_.empty()) {
        listener_ =
            Fd(checked(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "make the control socket"));
        unlink(path_.c_str());
        const sockaddr_un address = address_of(path_);
        checked(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind " + path_);
        checked(listen(listener_.get(), 16), "listen on " + path_);
        exchange_.watch(listener_.get(), [this] { accept_client(); });
    }
    if (use_stdin) exchange_.watch(STDIN_FILENO, [this] { read_stdin(); });
}

Control::~Control() {
    if (!path_.empty()) unlink(path_.c_str());
}

void Control::accept_client() {
    const int socket = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) return;
    Client& client = clients_.emplace_back(Client{Fd(socket), {}});
    exchange_.watch(socket, [this, &client] { read_client(client); });
}

void Control::leave(Client& client) {
    exchange_.unwatch(client.socket.get());
    clients_.remove_if([&](const Client& other) { return &other == &client; });
}

void Control::read_client(Client& client) {
    std::array<char, 4096> bytes{};
    const ssize_t size = read(client.socket.get(), bytes.data(), bytes.size());
    if (size <= 0) return leave(client);
    client.pending.append(bytes.data(), static_cast<std::size_t>(size));
    handle_lines(client.pending, client.socket.get(), true);
}

void Control::read_stdin() {
    std::array<char, 4096> bytes{};
    const ssize_t size = read(STDIN_FILENO, bytes.data(), bytes.size());
    if (size <= 0) {
        exchange_.unwatch(STDIN_FILENO);
        return exchange_.stop();
    }
    pending_stdin_.append(bytes.data(), static_cast<std::size_t>(size));
    handle_lines(pending_stdin_, STDOUT_FILENO, false);
}

void Control::handle_lines(std::string& pending, int answer_to, bool is_socket) {
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
        const std::string line = pending.substr(0, end);
        pending.erase(0, end + 1);
        handle(line, answer_to, is_socket);
    }
}

void Control::handle(const std::string& line, int answer_to, bool is_socket) {
    std::string answer = "ok";
    int descriptor = -1;
    try {
        if (line == "quit") {
            exchange_.stop();
        } else if (line == "stats") {
            answer += " " + exchange_.statistics();
        } else if (line.starts_with("host ")) {
            const std::size_t host = exchange_.spec().host(line.substr(5));
            descriptor = exchange_.host(host).space.get();
            answer += " " + exchange_.spec().address(host);
        } else {
            exchange_.change(line);
        }
    } catch (const std::exception& error) {
        answer = "error " + describe(error);
    }
    if (is_socket) return send_line(answer_to, answer, descriptor);
    answer += "\n";
    [[maybe_unused]] const ssize_t written = write(answer_to, answer.data(), answer.size());
}

std::string ask(const std::string& path, const std::string& command, Fd* descriptor) {
    const Fd socket(checked(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "make a socket"));
    const sockaddr_un address = address_of(path);
    checked(connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
            "no network answers at " + path);
    send_line(socket.get(), command);
    std::string answer;
    while (answer.empty() || answer.back() != '\n') {
        std::array<char, 4096> bytes{};
        iovec data{bytes.data(), bytes.size()};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
        msghdr message{};
        message.msg_iov = &data;
        message.msg_iovlen = 1;
        message.msg_control = space.data();
        message.msg_controllen = space.size();
        const ssize_t size = recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
        if (size <= 0) throw Error("the network at {} does not answer", path);
        answer.append(bytes.data(), static_cast<std::size_t>(size));
        const cmsghdr* header = CMSG_FIRSTHDR(&message);
        if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
            int received = -1;
            std::memcpy(&received, CMSG_DATA(header), sizeof received);
            Fd owned(received);
            if (descriptor != nullptr) *descriptor = std::move(owned);
        }
    }
    answer.pop_back();
    if (!answer.starts_with("ok")) throw Error("{}", answer);
    return answer.size() > 3 ? answer.substr(3) : std::string{};
}

}  // namespace matriz::netlab
