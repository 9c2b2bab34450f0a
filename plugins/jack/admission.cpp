// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/jack/admission.hpp"

#include <atomic>
#include <mutex>

namespace matriz::jack {
namespace {

std::mutex mutex;  // guards open
int open = 0;
std::atomic<bool> over{false};

}  // namespace

std::optional<Admission> Admission::ask() {
    const std::lock_guard lock(mutex);
    if (open == 0)
        over = false;
    else if (over)
        return std::nullopt;
    ++open;
    return Admission();
}

void Admission::server_went_away() noexcept { over = true; }

bool Admission::is_over() noexcept { return over; }

Admission::~Admission() {
    if (!held_) return;
    const std::lock_guard lock(mutex);
    --open;
}

}  // namespace matriz::jack
