// SPDX-License-Identifier: GPL-3.0-or-later
// A crowd of nodes for `./dev bench server`: joins, leaves, reports, against matriz-configserver or against the
// socket.io server beside this file. One thread, one epoll set; prints its figures as JSON. Knows only as much of each
// protocol as it takes to do the same with both.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;
using std::chrono::milliseconds;

struct Options {
    int port = 0;
    int server_pid = 0;
    std::size_t nodes = 2000;
    std::size_t room_size = 8;
    std::size_t churn = 2000;  ///< joins that are measured after all are there
    double rate = 200;         ///< of those, a second
    double idle_seconds = 3;
    bool socketio = false;
    std::vector<std::string> keys;  ///< of each node; empty: key-of-NAME
};

struct Node {
    enum class State { away, connecting, upgrading, opening, registering, here };
    int fd = -1;
    State state = State::away;
    std::string in;
    std::string out;
};

/// A join that not all members of its room have heard of yet.
struct Join {
    std::size_t node = 0;
    Clock::time_point began;
    std::vector<bool> heard;
    std::size_t missing = 0;
    bool running = false;
};

[[noreturn]] void die(const std::string& why) {
    fmt::print(stderr, "load: {}\n", why);
    std::exit(1);
}

std::string text_frame(std::string_view text) {
    std::string frame{static_cast<char>(0x81)};
    if (text.size() < 126) {
        frame += static_cast<char>(0x80 | text.size());
    } else {
        frame += static_cast<char>(0x80 | 126);
        frame += static_cast<char>(text.size() >> 8);
        frame += static_cast<char>(text.size() & 0xff);
    }
    frame.append(4, '\0');  // masked with zeros: allowed, and costs the load generator nothing
    frame += text;
    return frame;
}

/// What a process has used: CPU seconds and resident bytes.
struct Usage {
    double cpu = 0;
    double resident = 0;
};
Usage usage_of(int pid) {
    std::ifstream stat(fmt::format("/proc/{}/stat", pid));
    std::string line;
    std::getline(stat, line);
    std::istringstream fields(line.substr(line.rfind(')') + 2));
    std::vector<std::string> values;
    for (std::string value; fields >> value;) values.push_back(value);
    if (values.size() < 22) die("the server is gone");
    const double ticks = std::stod(values[11]) + std::stod(values[12]);
    return {ticks / static_cast<double>(sysconf(_SC_CLK_TCK)),
            std::stod(values[21]) * static_cast<double>(sysconf(_SC_PAGESIZE))};
}

class Crowd {
  public:
    explicit Crowd(const Options& options)
        : options_(options),
          epoll_(epoll_create1(0)),
          nodes_(options.nodes),
          joins_(options.nodes / options.room_size + 1) {}

    void run() {
        const Usage empty = usage_of(options_.server_pid);
        const auto began = Clock::now();
        fill();
        const double fill_seconds = duration<double>(Clock::now() - began).count();
        const Usage full = usage_of(options_.server_pid);
        latencies_.clear();
        idle(options_.idle_seconds);
        const Usage before_idle = usage_of(options_.server_pid);
        const std::uint64_t reports_before_idle = reports_;
        const auto idle_began = Clock::now();
        idle(options_.idle_seconds);
        const double idle_reports = report_rate(reports_before_idle, idle_began);
        const Usage after_idle = usage_of(options_.server_pid);
        const double idle_cpu = after_idle.cpu - before_idle.cpu;
        // By report and not by second: on a busy machine fewer of them get through in a second.
        const double report_cpu =
            idle_cpu / static_cast<double>(std::max<std::uint64_t>(1, reports_ - reports_before_idle));
        const std::uint64_t reports_before_churn = reports_;
        const auto churn_began = Clock::now();
        churn();
        const double churn_reports = report_rate(reports_before_churn, churn_began);
        idle(0.5);  // what is still on its way belongs to it
        const Usage after = usage_of(options_.server_pid);
        const double churn_cpu =
            after.cpu - after_idle.cpu - report_cpu * static_cast<double>(reports_ - reports_before_churn);
        std::sort(latencies_.begin(), latencies_.end());
        const auto nodes = static_cast<double>(options_.nodes);
        fmt::print(
            "{{\"nodes\":{},\"joins_per_second\":{:.0f},\"fill_cpu_ms_per_join\":{:.4f},"
            "\"bytes_per_connection\":{:.0f},\"idle_cpu_percent\":{:.1f},\"cpu_ms_per_join\":{:.4f},"
            "\"p50_ms\":{:.3f},\"p99_ms\":{:.3f},\"measured\":{},\"reports_per_node_second\":{:.3f},"
            "\"reports_per_node_second_idle\":{:.3f}}}\n",
            options_.nodes, nodes / fill_seconds, 1000 * (full.cpu - empty.cpu) / nodes,
            (after_idle.resident - empty.resident) / nodes, 100 * idle_cpu / options_.idle_seconds,
            1000 * churn_cpu / static_cast<double>(latencies_.size()), at(0.5), at(0.99), latencies_.size(),
            churn_reports, idle_reports);
    }

  private:
    double at(double share) const {
        if (latencies_.empty()) die("nothing was measured");
        return latencies_[std::min(latencies_.size() - 1,
                                   static_cast<std::size_t>(share * static_cast<double>(latencies_.size())))];
    }
    /// Of each node in each second since then: 1 if every report that was due was sent.
    double report_rate(std::uint64_t before, Clock::time_point since) const {
        return static_cast<double>(reports_ - before) / duration<double>(Clock::now() - since).count() /
               static_cast<double>(options_.nodes);
    }
    std::size_t room_of(std::size_t node) const { return node / options_.room_size; }

    /// Everyone comes, so many at a time; the members of a room one after another, as in life.
    void fill() {
        constexpr std::size_t at_a_time = 64;
        std::vector<std::size_t> order;
        for (std::size_t seat = 0; seat < options_.room_size; ++seat)
            for (std::size_t node = seat; node < options_.nodes; node += options_.room_size) order.push_back(node);
        std::size_t next = 0;
        // A key of which the server has the hash costs it some 30 ms, once.
        const auto limit = Clock::now() + std::chrono::minutes(3) + options_.keys.size() * milliseconds(200);
        while (here_ < options_.nodes) {
            while (next < order.size() && coming_ < at_a_time && !joins_[room_of(order[next])].running)
                begin(order[next++]);
            turn();
            if (Clock::now() > limit) die(fmt::format("only {} of {} came", here_, options_.nodes));
        }
    }

    void idle(double seconds) {
        const auto until = Clock::now() + duration<double>(seconds);
        while (Clock::now() < until) turn();
    }

    /// Nodes leave and come back, at a steady rate, each time in another room.
    void churn() {
        std::mt19937 random(7);
        const auto began = Clock::now();
        std::size_t begun = 0;
        const auto limit = began + duration<double>(30 + 2 * static_cast<double>(options_.churn) / options_.rate);
        while (latencies_.size() < options_.churn) {
            const auto due = static_cast<std::size_t>(duration<double>(Clock::now() - began).count() * options_.rate);
            while (begun < std::min(due, options_.churn)) {
                const std::size_t node = random() % options_.nodes;
                if (joins_[room_of(node)].running || nodes_[node].state != Node::State::here) continue;
                drop(node);
                begin(node);
                ++begun;
            }
            turn();
            if (Clock::now() > limit)
                die(fmt::format("only {} of {} joins were heard by all", latencies_.size(), options_.churn));
        }
    }

    void begin(std::size_t node) {
        Join& join = joins_[room_of(node)];
        join.node = node;
        join.running = true;
        join.heard.assign(options_.room_size, false);
        join.missing = 1;  // the node itself, which waits for its reply
        const std::size_t first = room_of(node) * options_.room_size;
        for (std::size_t other = first; other < std::min(first + options_.room_size, options_.nodes); ++other)
            if (other != node && nodes_[other].state == Node::State::here)
                ++join.missing;
            else if (other != node)
                join.heard[other - first] = true;
        ++coming_;
        connect(node);
    }

    void connect(std::size_t index) {
        Node& node = nodes_[index];
        node.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const int on = 1;
        setsockopt(node.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const linger reset{1, 0};  // no TIME_WAIT: thousands of them would use up the ports
        setsockopt(node.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_port = htons(static_cast<std::uint16_t>(options_.port));
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(node.fd, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 && errno != EINPROGRESS)
            die(fmt::format("connect: {}", std::strerror(errno)));
        node.state = Node::State::connecting;
        node.in.clear();
        node.out.clear();
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT;
        event.data.u64 = index;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, node.fd, &event);
    }

    void drop(std::size_t index) {
        Node& node = nodes_[index];
        close(node.fd);
        node = {};
        --here_;
    }

    void send(std::size_t index, std::string data) {
        Node& node = nodes_[index];
        if (node.out.empty()) {
            const ssize_t sent = ::send(node.fd, data.data(), data.size(), MSG_NOSIGNAL);
            if (sent == static_cast<ssize_t>(data.size())) return;
            if (sent > 0) data.erase(0, static_cast<std::size_t>(sent));
        }
        node.out += data;
    }
    void say(std::size_t index, std::string_view text) { send(index, text_frame(text)); }

    void turn() {
        report_due();
        // Everything that has come is taken first: on a busy machine reports would otherwise crowd out the joins.
        std::array<epoll_event, 512> events;
        int count = 0;
        do {
            count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1);
            for (int i = 0; i < count; ++i) ready(events[static_cast<std::size_t>(i)].data.u64);
        } while (count == static_cast<int>(events.size()));
    }

    void ready(std::size_t index) {
        Node& node = nodes_[index];
        if (node.state == Node::State::connecting) {
            node.state = Node::State::upgrading;
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = index;
            epoll_ctl(epoll_, EPOLL_CTL_MOD, node.fd, &event);
            const char* path = options_.socketio ? "/socket.io/?EIO=4&transport=websocket" : "/config";
            send(index,
                 fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                             path));
            return;
        }
        std::array<char, 65536> buffer;
        const ssize_t got = recv(node.fd, buffer.data(), buffer.size(), 0);
        if (got == 0 || (got < 0 && errno != EAGAIN)) die(fmt::format("node {} was closed: {}", index, node.in));
        if (got < 0) return;
        node.in.append(buffer.data(), static_cast<std::size_t>(got));
        if (!node.out.empty()) send(index, std::exchange(node.out, {}));
        take(index);
    }

    void take(std::size_t index) {
        Node& node = nodes_[index];
        std::string_view rest = node.in;
        if (node.state == Node::State::upgrading) {
            const auto end = rest.find("\r\n\r\n");
            if (end == std::string_view::npos) return;
            if (rest.find(" 101 ") == std::string_view::npos) die(std::string(rest));
            rest.remove_prefix(end + 4);
            node.state = options_.socketio ? Node::State::opening : Node::State::registering;
            if (!options_.socketio) enter(index);
        }
        while (rest.size() >= 2) {
            const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(rest[i]); };
            std::size_t size = byte(1);
            std::size_t head = 2;
            if (size == 126) {
                if (rest.size() < 4) break;
                size = static_cast<std::size_t>(byte(2) << 8) | byte(3);
                head = 4;
            }
            if (rest.size() < head + size) break;
            message(index, byte(0) & 0x0f, rest.substr(head, size));
            rest.remove_prefix(head + size);
        }
        node.in.erase(0, node.in.size() - rest.size());
    }

    void enter(std::size_t index) {
        joins_[room_of(index)].began = Clock::now();
        const std::string body = fmt::format(
            R"({{"register":"","name":"n{}","key":"{}","port":8554,"matriz":1,"room":"r{}"}})", index,
            options_.keys.empty() ? fmt::format("key-of-n{}", index) : options_.keys[index], room_of(index));
        say(index, options_.socketio ? "42[\"register\"," + body + "]" : body);
    }

    void message(std::size_t index, int opcode, std::string_view text) {
        if (opcode == 9) return send(index, std::string("\x8a\x80\0\0\0\0", 6));
        if (opcode == 8) die(fmt::format("node {} was told to close: {}", index, text));
        if (options_.socketio && text == "2") return say(index, "3");
        if (options_.socketio && nodes_[index].state == Node::State::opening) {
            if (text.starts_with('0')) return say(index, "40");
            if (!text.starts_with("40")) return;
            nodes_[index].state = Node::State::registering;
            return enter(index);
        }
        if (nodes_[index].state == Node::State::registering) {
            if (text.find("\"n_clients\"") == std::string_view::npos) die(std::string(text));
            nodes_[index].state = Node::State::here;
            ++here_;
            --coming_;
            return heard(index);
        }
        const Join& join = joins_[room_of(index)];
        if (join.running && text.find(fmt::format("[n{}] connected", join.node)) != std::string_view::npos)
            heard(index);
    }

    void heard(std::size_t index) {
        Join& join = joins_[room_of(index)];
        const std::size_t seat = index % options_.room_size;
        if (!join.running || join.heard[seat]) return;
        join.heard[seat] = true;
        if (--join.missing > 0) return;
        join.running = false;
        latencies_.push_back(duration<double, std::milli>(Clock::now() - join.began).count());
    }

    /// Each node tells once a second how it hears the others of its room.
    void report_due() {
        const auto now = Clock::now();
        // Who is late catches up, a little at a time; what a whole second could not make up for is lost, and seen in
        // the rate that was reached.
        reported_at_ = std::max(reported_at_, now - std::chrono::seconds(1));
        const double share = std::min(0.02, duration<double>(now - reported_at_).count());
        const auto due = static_cast<std::size_t>(share * static_cast<double>(options_.nodes));
        reported_at_ += std::chrono::duration_cast<Clock::duration>(
            duration<double>(static_cast<double>(due) / static_cast<double>(options_.nodes)));
        for (std::size_t i = 0; i < due; ++i) {
            const std::size_t index = next_report_++ % options_.nodes;
            if (nodes_[index].state != Node::State::here) continue;
            say(index, report(index));
            ++reports_;
        }
    }

    std::string report(std::size_t index) const {
        std::string links;
        const std::size_t first = room_of(index) * options_.room_size;
        for (std::size_t peer = first; peer < first + options_.room_size; ++peer)
            if (peer != index)
                links +=
                    fmt::format(R"({}{{"peer":"n{}","delay_ms":7.25,"loss":0.001,"jitter_ms":0.5,"level_db":-18.5}})",
                                links.empty() ? "" : ",", peer);
        return options_.socketio ? "42[\"report\",[" + links + "]]" : R"({"report":[)" + links + "]}";
    }

    Options options_;
    int epoll_;
    std::vector<Node> nodes_;
    std::vector<Join> joins_;  ///< one for each room
    std::vector<double> latencies_;
    std::size_t here_ = 0;
    std::size_t coming_ = 0;
    std::size_t next_report_ = 0;
    std::uint64_t reports_ = 0;
    Clock::time_point reported_at_ = Clock::now();  ///< what was due until then has been sent
};

std::vector<std::string> read_lines(const char* path) {
    std::ifstream file(path);
    if (!file) die(fmt::format("{} cannot be read", path));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--socketio") {
            options.socketio = true;
            continue;
        }
        if (i + 1 >= argc) die(fmt::format("{} needs a value", name));
        const char* value = argv[++i];
        if (name == "--port")
            options.port = std::atoi(value);
        else if (name == "--pid")
            options.server_pid = std::atoi(value);
        else if (name == "--nodes")
            options.nodes = std::strtoul(value, nullptr, 10);
        else if (name == "--churn")
            options.churn = std::strtoul(value, nullptr, 10);
        else if (name == "--rate")
            options.rate = std::atof(value);
        else if (name == "--keys")
            options.keys = read_lines(value);
        else
            die(fmt::format("unknown option {}", name));
    }
    if (!options.keys.empty() && options.keys.size() != options.nodes) die("not one key a node");
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    Crowd(parse(argc, argv)).run();
    return 0;
}
