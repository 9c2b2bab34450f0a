// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/control/control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string_view>
#include <utility>
#include <variant>

#include "node/network/address_watch.hpp"

namespace matriz::control {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

Session::Time now() { return Session::Clock::now(); }

std::uint64_t entropy() {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) ^ device();
}

}  // namespace

std::optional<std::string> stun_of(const std::string& url, std::uint16_t port) {
    const std::unique_ptr<GUri, decltype(&g_uri_unref)> uri(
        g_uri_parse(url.c_str(), G_URI_FLAGS_PARSE_RELAXED, nullptr), &g_uri_unref);
    const char* host = uri ? g_uri_get_host(uri.get()) : nullptr;
    if (port == 0 || host == nullptr || network::is_link_local(host) || std::string_view(host) == "localhost")
        return std::nullopt;
    const bool v6 = std::string_view(host).find(':') != std::string_view::npos;
    return fmt::format("stun:{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

Control::Control(Endpoint endpoint, protocol::Register hello, OnList on_list, Times times)
    : endpoint_(std::move(endpoint)),
      on_list_(std::move(on_list)),
      session_(std::move(hello), times, entropy()),
      transport_(endpoint_, std::max(std::chrono::floor<std::chrono::seconds>(times.ping), std::chrono::seconds{1}),
                 {.opened = [this] { perform(session_.opened(now())); },
                  .received = [this](std::string_view text) { perform(session_.received(now(), text)); },
                  .heard = [this] { session_.heard(now()); },
                  .closed = [this](const Closed& why) { perform(session_.closed(now(), why)); }}) {
    Transport::check(endpoint_);
}

void Control::start() { perform(session_.start(now())); }

void Control::leave(bool forget, std::function<void()> done) {
    if (done) on_left_.push_back(std::move(done));
    perform(session_.leave(now(), forget));
}

void Control::reconnect() { perform(session_.reconnect(now())); }

bool Control::signal(const std::string& peer, Json::Value body) {
    const Actions actions = session_.signal(peer, std::move(body));
    perform(actions);
    return !actions.empty();
}

std::vector<protocol::IceServer> Control::ice_servers() const {
    const std::lock_guard lock(ice_mutex_);
    return ice_servers_;
}

ServerStatus Control::status() const {
    return {.url = endpoint_.url,
            .state = session_.state(),
            .since = session_.since(),
            .last_error = session_.last_error(),
            .own_name = session_.own_name(),
            .own_address = session_.own_address(),
            .reachable = session_.reachable(),
            .server_version = session_.server_version()};
}

void Control::perform(const Actions& actions) {
    for (const Action& what : actions) {
        std::visit(Overloaded{
                       [this](const action::Connect&) {
                           log_.debug("connecting to {}", endpoint_.url);
                           transport_.connect();
                       },
                       [this](const action::Send& send) { transport_.send(send.text); },
                       [this](const action::Close&) { transport_.close(); },
                       [this](const action::Drop&) { transport_.drop(); },
                       [this](const action::Publish& list) { on_list_(list); },
                       [this](const action::Deliver& signal) {
                           if (on_signal_) on_signal_(signal.from, signal.body);
                       },
                       [this](const action::UseIceServers& use) {
                           const std::lock_guard lock(ice_mutex_);
                           ice_servers_ = use.servers;
                           if (auto stun = stun_of(endpoint_.url, session_.stun_port()))
                               ice_servers_.insert(ice_servers_.begin(), {.urls = {*std::move(stun)}});
                       },
                       [this](const action::Say& say) { log::write(say.level, log_.subject(), say.text); },
                       [this](const action::Left&) {
                           left_ = glib::Source::after(std::chrono::milliseconds{0}, [this] {
                               for (const auto& done : std::exchange(on_left_, {})) done();
                           });
                       },
                   },
                   what);
    }
    arm();
}

/// A pong moves the deadline without arming again: tick() then comes early, finds nothing due, and arms.
void Control::arm() {
    const auto due = session_.deadline();
    if (!due) {
        timer_.cancel();
        return;
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*due - now());
    timer_ =
        glib::Source::after(std::max(wait, std::chrono::milliseconds{0}), [this] { perform(session_.tick(now())); });
}

}  // namespace matriz::control
