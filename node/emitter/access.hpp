// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace matriz::emitter {

/// An IPv4 or IPv6 address; IPv4 is held as ::ffff:a.b.c.d, so that both forms of one address are equal.
struct Address {
    std::array<std::uint8_t, 16> bytes{};
    bool operator==(const Address&) const = default;

    /// Nothing when `text` is no numeric address. A zone ("fe80::1%eth0") is ignored.
    static std::optional<Address> parse(std::string_view text) noexcept;
    bool is_ipv4() const noexcept;
    bool is_loopback() const noexcept;
};

/// A range of addresses in CIDR form.
class Network {
  public:
    /// "10.1.0.0/16", "fd00::/8", or one address. Throws Error that says what is accepted.
    static Network parse(std::string_view text);
    bool contains(const Address& address) const noexcept;

  private:
    Address base_;
    int prefix_ = 128;  ///< bits of `base_` that count, in the 128-bit form
};

/// Who may open the stream: loopback, the peers of the current client list, and the networks the config allows; where
/// certificates are asked for, those of the list alone. Any thread.
class AccessList {
  public:
    /// Throws Error when a network cannot be parsed.
    explicit AccessList(const std::vector<std::string>& networks);

    /// Replaces the peers. An entry that is no numeric address lets nobody in; such entries are returned.
    std::vector<std::string> set_peers(const std::vector<std::string>& addresses);
    bool allows(std::string_view address) const noexcept;

    /// Replaces the certificates of the list; empty ones are none.
    void set_fingerprints(std::vector<std::string> fingerprints);
    bool knows(std::string_view fingerprint) const noexcept;

  private:
    std::vector<Network> networks_;
    mutable std::mutex mutex_;  ///< guards the two below
    std::vector<Address> peers_;
    std::vector<std::string> fingerprints_;
};

/// Decides which refusals are worth a log line, so that a stranger who tries a thousand times fills no log. One thread.
class RefusalLog {
  public:
    using Clock = std::chrono::steady_clock;
    /// The refusals of `address` since its last line, this one included, when a line is due; nothing otherwise.
    std::optional<std::uint64_t> note(const std::string& address, Clock::time_point now);

    static constexpr std::chrono::seconds interval{60};  ///< between two lines about one address
    static constexpr std::size_t max_addresses = 64;     ///< remembered; beyond it all share one entry

  private:
    struct Entry {
        Clock::time_point last_line;
        std::uint64_t unsaid = 0;
    };
    std::map<std::string, Entry> entries_;
};

}  // namespace matriz::emitter
