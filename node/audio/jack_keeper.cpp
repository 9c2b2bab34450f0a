// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/audio/jack_keeper.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "common/base/error.hpp"

namespace matriz::node::audio {
namespace {

constexpr std::chrono::milliseconds interval{250};

}  // namespace

JackKeeper::JackKeeper(JackConnect wish, std::shared_ptr<jack::Client> client)
    : client_(std::move(client)), patchbay_(std::move(wish), client_) {
    worker_.post([this] {
        keep();
        timer_ = glib::Source::every(
            interval, [this] { keep(); }, worker_.context());
    });
    changes_ =
        client_->on_change([this](const jack::Status& status) { worker_.post([this, status] { on_change(status); }); });
}

JackKeeper::~JackKeeper() {
    changes_.end();
    worker_.run([this] { timer_.cancel(); });
}

void JackKeeper::release_ports(const std::string& prefix) {
    worker_.post([this, prefix] { client_->release_ports(prefix); });
}

void JackKeeper::keep() noexcept {
    try {
        if (client_->status().state == jack::Status::State::open) return patchbay_.update();
        std::string complaint = client_->try_open();
        if (!complaint.empty() && complaint != complaint_) log_.warning("{}", complaint);
        complaint_ = std::move(complaint);
    } catch (const std::exception& error) {  // the next time comes soon
        log_.debug("{}", describe(error));
    }
}

void JackKeeper::on_change(const jack::Status& status) noexcept {
    try {
        if (status.state == jack::Status::State::open) {
            complaint_.clear();
            log_.info("JACK runs at {} Hz, {} frames a period", status.rate.hz, status.period);
        } else if (status.state == jack::Status::State::lost) {
            log_.warning("{}; silence until it is back, tried every {} ms", status.message, interval.count());
        }
        patchbay_.update();
    } catch (const std::exception& error) {
        log_.debug("{}", describe(error));
    }
}

}  // namespace matriz::node::audio
