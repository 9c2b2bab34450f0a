// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/ports/mapper.hpp"

#include <algorithm>
#include <utility>

#include "common/base/error.hpp"

namespace matriz::node::ports {
namespace {

/// A router that refuses this many ports in a row has no room for more, or wants none of it; one that leaves as many
/// farewells unanswered has gone away.
constexpr int patience = 3;

}  // namespace

Mapper::Mapper(std::vector<Mapping> wanted, Find find, OnReport on_report, Times times)
    : wanted_(std::move(wanted)),
      find_(std::move(find)),
      on_report_(std::move(on_report)),
      times_(times),
      worker_([this] { work(); }) {}

Mapper::~Mapper() {
    leave();
    worker_.join();
}

void Mapper::leave() {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->ending = true;
    }
    shared_->wake.notify_all();
}

void Mapper::addresses_changed() {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->moved = true;
    }
    shared_->wake.notify_all();
}

Report Mapper::report() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->report;
}

bool Mapper::ending() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->ending;
}

bool Mapper::rest(std::chrono::milliseconds time) {
    std::unique_lock lock(shared_->mutex);
    shared_->wake.wait_for(lock, time, [this] { return shared_->ending || shared_->moved; });
    if (std::exchange(shared_->moved, false)) has_router_ = false;  // it may be another one now
    return shared_->ending;
}

void Mapper::publish(const Report& report) {
    {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->report == report) return;
        shared_->report = report;
    }
    if (report.state == Report::State::open || report.state == Report::State::no_router)
        log_.info("{}", report.text());
    else
        log_.warning("{}", report.text());
    if (on_report_) on_report_(report);
}

void Mapper::work() noexcept {
    try {
        do {
            if (!has_router_) meet(search());
            if (ending()) break;
            Report report{.state = Report::State::no_router, .router = {}, .external = {}, .open = {}, .refused = {}};
            if (has_router_) report = open_all(routers_.back());
            if (ending()) break;
            publish(report);
            if (report.open.empty()) has_router_ = false;  // it may be another one next time
        } while (!rest(has_router_ ? times_.renew : times_.look_again));
    } catch (const std::exception& error) {
        log_.error("opening ports of the router failed: {}; peers may not reach this place", describe(error));
    }
    close_all();
}

/// A search takes seconds, and nothing can end it early: it has a thread of its own, which is left to itself when the
/// node stops meanwhile.
std::unique_ptr<Gateway> Mapper::search() {
    std::unique_lock lock(shared_->mutex);
    if (shared_->ending) return nullptr;
    shared_->searching = true;
    std::thread([shared = shared_, find = find_] { take(shared, find); }).detach();
    shared_->wake.wait(lock, [this] { return shared_->ending || !shared_->searching; });
    if (shared_->ending) return nullptr;
    if (shared_->failure) std::rethrow_exception(std::exchange(shared_->failure, nullptr));
    return std::move(shared_->found);
}

void Mapper::take(const std::shared_ptr<Shared>& shared, const Find& find) noexcept {
    std::unique_ptr<Gateway> found;
    std::exception_ptr failure;
    try {
        found = find();
    } catch (...) {
        failure = std::current_exception();
    }
    {
        const std::lock_guard lock(shared->mutex);
        shared->found = std::move(found);
        shared->failure = failure;
        shared->searching = false;
    }
    shared->wake.notify_all();
}

/// A router that was known before still holds what it held then.
void Mapper::meet(std::unique_ptr<Gateway> gateway) {
    has_router_ = gateway != nullptr;
    if (!has_router_) return;
    const auto known = std::find_if(routers_.begin(), routers_.end(), [&gateway](const Router& router) {
        return router.gateway->name() == gateway->name();
    });
    std::set<Mapping> held;
    if (known != routers_.end()) {
        held = std::move(known->held);
        // What leads to the address of before would stand in the way, as somebody else's.
        if (known->gateway->own_address() != gateway->own_address())
            while (!held.empty() && !ending() && gateway->close(*held.begin())) held.erase(held.begin());
        routers_.erase(known);
    }
    routers_.push_back({std::move(gateway), std::move(held)});
}

Report Mapper::open_all(Router& router) {
    Report report;
    report.router = router.gateway->name();
    report.external = router.gateway->external_address();
    int refusals = 0;
    for (const Mapping& mapping : wanted_) {
        if (ending()) break;
        if (refusals >= patience) {
            report.refused.emplace_back(mapping, report.refused.back().second);
            continue;
        }
        auto refusal = router.gateway->open(mapping, times_.lease);
        // What was open before the router refused to renew it still is, until its lease ends.
        if (!refusal || refusal->unanswered) router.held.insert(mapping);
        if (!refusal) {
            report.open.push_back(mapping);
            refusals = 0;
            continue;
        }
        if (refusal->others) router.held.erase(mapping);
        ++refusals;
        report.refused.emplace_back(mapping, std::move(refusal->reason));
    }
    using State = Report::State;
    report.state = report.refused.empty() ? State::open : report.open.empty() ? State::refused : State::partly;
    return report;
}

void Mapper::close_all() noexcept {
    const auto deadline = std::chrono::steady_clock::now() + times_.farewell;
    std::size_t left = 0;
    for (; !routers_.empty(); routers_.pop_back(), has_router_ = false) {
        const Router& router = routers_.back();  // the latest first: it is the likeliest to be there
        int tries = has_router_ ? patience : 1;
        for (const Mapping& mapping : router.held) {
            const bool in_time = tries > 0 && std::chrono::steady_clock::now() < deadline;
            if (in_time && router.gateway->close(mapping)) continue;
            --tries;
            ++left;
        }
    }
    if (left > 0) log_.warning("{} ports of the router stay open until it forgets them: it does not answer", left);
}

Mapper::Find router_on(const std::string& interface) {
    return [interface] {
        auto router = find_natpmp();
        return router ? std::move(router) : find_upnp(interface);
    };
}

}  // namespace matriz::node::ports
