// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "common/glib/source.hpp"

namespace matriz::network {

/// Numeric addresses of this machine, without zones; none of loopback, none that is link-local.
using Addresses = std::set<std::string>;

/// Loopback or link-local: there as long as its interface, whatever network that is in. Pure.
bool is_link_local(std::string_view address) noexcept;

/// What they are now. Empty when the kernel does not say. Any thread but the audio thread.
Addresses own_addresses();

/// Tells when this machine's addresses change: a cable pulled, another network, a new lease. Asks twice a second, which
/// costs some microseconds and works alike under every network manager and under none. Main thread only.
class AddressWatch {
  public:
    struct Change {
        Addresses now;
        Addresses gone;
        Addresses come;
    };
    using OnChange = std::function<void(const Change&)>;

    explicit AddressWatch(OnChange on_change, std::function<Addresses()> ask = own_addresses);

    static constexpr std::chrono::milliseconds interval{500};

  private:
    void look();

    OnChange on_change_;
    std::function<Addresses()> ask_;
    Addresses known_;
    glib::Source timer_;
};

/// From one set to another. Pure.
AddressWatch::Change difference(const Addresses& before, Addresses now);

}  // namespace matriz::network
