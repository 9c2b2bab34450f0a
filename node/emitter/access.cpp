// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/access.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "common/base/error.hpp"

namespace matriz::emitter {
namespace {

constexpr std::array<std::uint8_t, 12> ipv4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

[[noreturn]] void reject(std::string_view text) {
    throw Error("\"{}\" is no network; write an address or a range in CIDR form: 192.168.1.7, 10.1.0.0/16, fd00::/8",
                text);
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN + 1> buffer{};
    text = text.substr(0, text.find('%'));
    if (text.empty() || text.size() >= buffer.size()) return std::nullopt;
    std::memcpy(buffer.data(), text.data(), text.size());
    Address address;
    if (inet_pton(AF_INET, buffer.data(), address.bytes.data() + ipv4_prefix.size()) == 1) {
        std::copy(ipv4_prefix.begin(), ipv4_prefix.end(), address.bytes.begin());
        return address;
    }
    if (inet_pton(AF_INET6, buffer.data(), address.bytes.data()) == 1) return address;
    return std::nullopt;
}

bool Address::is_ipv4() const noexcept { return std::equal(ipv4_prefix.begin(), ipv4_prefix.end(), bytes.begin()); }

bool Address::is_loopback() const noexcept {
    if (is_ipv4()) return bytes[12] == 127;
    return std::all_of(bytes.begin(), bytes.end() - 1, [](auto byte) { return byte == 0; }) && bytes[15] == 1;
}

Network Network::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto base = Address::parse(text.substr(0, slash));
    if (!base) reject(text);
    Network network;
    network.base_ = *base;
    if (slash == std::string_view::npos) return network;
    const std::string_view digits = text.substr(slash + 1);
    const int most = text.find(':') == std::string_view::npos ? 32 : 128;  // ::ffff:10.0.0.0/104 is 10.0.0.0/8
    int bits = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc{} || end != digits.data() + digits.size() || bits < 0 || bits > most) reject(text);
    network.prefix_ = 128 - most + bits;
    return network;
}

bool Network::contains(const Address& address) const noexcept {
    const auto whole = static_cast<std::size_t>(prefix_ / 8);
    if (!std::equal(base_.bytes.begin(), base_.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                    address.bytes.begin()))
        return false;
    const int rest = prefix_ % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
    return ((base_.bytes[whole] ^ address.bytes[whole]) & mask) == 0;
}

AccessList::AccessList(const std::vector<std::string>& networks) {
    for (const auto& text : networks) networks_.push_back(Network::parse(text));
}

std::vector<std::string> AccessList::set_peers(const std::vector<std::string>& addresses) {
    std::vector<Address> peers;
    std::vector<std::string> unknown;
    for (const auto& text : addresses) {
        if (const auto address = Address::parse(text))
            peers.push_back(*address);
        else
            unknown.push_back(text);
    }
    const std::lock_guard lock(mutex_);
    peers_ = std::move(peers);
    return unknown;
}

bool AccessList::allows(std::string_view text) const noexcept {
    const auto address = Address::parse(text);
    if (!address) return false;
    if (address->is_loopback()) return true;
    if (std::any_of(networks_.begin(), networks_.end(),
                    [&](const auto& network) { return network.contains(*address); }))
        return true;
    const std::lock_guard lock(mutex_);
    return std::find(peers_.begin(), peers_.end(), *address) != peers_.end();
}

void AccessList::set_fingerprints(std::vector<std::string> fingerprints) {
    const std::lock_guard lock(mutex_);
    fingerprints_ = std::move(fingerprints);
}

bool AccessList::knows(std::string_view fingerprint) const noexcept {
    if (fingerprint.empty()) return false;
    const std::lock_guard lock(mutex_);
    return std::find(fingerprints_.begin(), fingerprints_.end(), fingerprint) != fingerprints_.end();
}

std::optional<std::uint64_t> RefusalLog::note(const std::string& address, Clock::time_point now) {
    std::erase_if(entries_, [&](const auto& item) { return now - item.second.last_line > 2 * interval; });
    const bool known = entries_.contains(address);
    const std::string& key = known || entries_.size() < max_addresses ? address : std::string("others");
    const auto [entry, fresh] = entries_.try_emplace(key);
    ++entry->second.unsaid;
    if (!fresh && now - entry->second.last_line < interval) return std::nullopt;
    entry->second.last_line = now;
    return std::exchange(entry->second.unsaid, 0);
}

}  // namespace matriz::emitter
