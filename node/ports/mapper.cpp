// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/ports/mapper.hpp"

#include <algorithm>

#include "common/base/error.hpp"

namespace matriz::node::ports {
namespace {

/// A router that refuses this many ports in a row has no room for more, or wants none of it.
constexpr int patience = 3;

}  // namespace

Mapper::Mapper(std::vector<Mapping> wanted, Find find, OnReport on_report, Times times)
    : wanted_(std::move(wanted)),
      find_(std::move(find)),
      on_report_(std::move(on_report)),
      times_(times),
      worker_([this] { work(); }) {}

Mapper::~Mapper() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_all();
    worker_.join();
}

Report Mapper::report() const {
    const std::lock_guard lock(mutex_);
    return report_;
}

bool Mapper::ending() const {
    const std::lock_guard lock(mutex_);
    return ending_;
}

bool Mapper::rest(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return wake_.wait_for(lock, time, [this] { return ending_; });
}

void Mapper::publish(const Report& report) {
    {
        const std::lock_guard lock(mutex_);
        if (report_ == report) return;
        report_ = report;
    }
    if (report.state == Report::State::open || report.state == Report::State::no_router)
        log_.info("{}", report.text());
    else
        log_.warning("{}", report.text());
    if (on_report_) on_report_(report);
}

void Mapper::work() noexcept {
    try {
        for (bool end = false; !end;) {
            if (!gateway_) gateway_ = find_();
            if (ending()) break;
            Report report{.state = Report::State::no_router, .router = {}, .external = {}, .open = {}, .refused = {}};
            if (gateway_) report = open_all();
            if (ending()) break;
            publish(report);
            const bool all = report.state == Report::State::open;
            if (!all && opened_.empty()) gateway_.reset();  // it may be another one next time
            end = rest(gateway_ ? times_.renew : times_.look_again);
        }
        close_all();
    } catch (const std::exception& error) {
        log_.error("opening ports of the router failed: {}; peers may not reach this place", describe(error));
    }
}

Report Mapper::open_all() {
    Report report;
    report.router = gateway_->name();
    report.external = gateway_->external_address();
    opened_.clear();
    int refusals = 0;
    for (const Mapping& mapping : wanted_) {
        if (ending()) break;
        auto reason = refusals < patience ? gateway_->open(mapping, times_.lease) : report.refused.back().second;
        if (!reason) {
            opened_.push_back(mapping);
            refusals = 0;
            continue;
        }
        ++refusals;
        report.refused.emplace_back(mapping, std::move(*reason));
    }
    report.open = opened_;
    using State = Report::State;
    report.state = report.refused.empty() ? State::open : report.open.empty() ? State::refused : State::partly;
    return report;
}

void Mapper::close_all() {
    const auto deadline = std::chrono::steady_clock::now() + times_.farewell;
    for (const Mapping& mapping : opened_) {
        if (std::chrono::steady_clock::now() > deadline) break;
        gateway_->close(mapping);
    }
    opened_.clear();
}

Mapper::Find router_on(const std::string& interface) {
    return [interface] {
        auto router = find_natpmp();
        return router ? std::move(router) : find_upnp(interface);
    };
}

}  // namespace matriz::node::ports
