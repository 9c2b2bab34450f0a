// SPDX-License-Identifier: GPL-3.0-or-later
#include <arpa/inet.h>
#include <fmt/format.h>
#include <natpmp.h>
#include <poll.h>

#include <array>

#include "node/ports/gateway.hpp"

namespace matriz::node::ports {
namespace {

using Clock = std::chrono::steady_clock;

/// RFC 6886 goes on asking for a minute; a router on the same wire that says nothing for this long has no NAT-PMP.
constexpr auto patience = std::chrono::milliseconds(1000);

std::string reason(int error) {
    switch (error) {
        case NATPMP_ERR_NOTAUTHORIZED:
            return "it is switched off there, or not allowed";
        case NATPMP_ERR_NETWORKFAILURE:
            return "it has no connection itself";
        case NATPMP_ERR_OUTOFRESOURCES:
            return "it has no room for more";
        case NATPMP_TRYAGAIN:
            return "it does not answer";
        default:
            return fmt::format("error {}", error);
    }
}

std::string dotted(in_addr address) {
    std::array<char, INET_ADDRSTRLEN> text{};
    inet_ntop(AF_INET, &address, text.data(), text.size());
    return text.data();
}

class NatPmp : public Gateway {
  public:
    NatPmp() : usable_(initnatpmp(&natpmp_, 0, 0) == 0) {}
    ~NatPmp() override {
        if (usable_) closenatpmp(&natpmp_);
    }

    /// Asks for the outer address: is there a router that speaks this?
    bool probe() { return usable_ && !external_address().empty(); }

    std::string name() const override { return fmt::format("{} (NAT-PMP)", dotted(in_addr{natpmp_.gateway})); }

    std::string own_address() const override { return {}; }
    std::string external_address() override {
        natpmpresp_t response{};
        if (sendpublicaddressrequest(&natpmp_) < 0 || await(response, NATPMP_RESPTYPE_PUBLICADDRESS) != 0) return {};
        return dotted(response.pnu.publicaddress.addr);
    }

    std::optional<Refusal> open(Mapping mapping, std::chrono::seconds lease) override {
        natpmpresp_t response{};
        if (const int error = ask(mapping, lease, response); error != 0)
            return Refusal{.reason = reason(error), .unanswered = error == NATPMP_TRYAGAIN};
        const auto& granted = response.pnu.newportmapping;
        if (granted.mappedpublicport == mapping.port) return std::nullopt;
        // Another number is of no use: peers are told this one.
        close(mapping);
        return Refusal{.reason = fmt::format("port {} is taken there", mapping.port), .others = true};
    }

    bool close(Mapping mapping) override {
        natpmpresp_t response{};
        return ask(mapping, std::chrono::seconds(0), response) != NATPMP_TRYAGAIN;
    }

  private:
    static int type_of(Protocol protocol) {
        return protocol == Protocol::tcp ? NATPMP_RESPTYPE_TCPPORTMAPPING : NATPMP_RESPTYPE_UDPPORTMAPPING;
    }

    int ask(Mapping mapping, std::chrono::seconds lease, natpmpresp_t& response) {
        const int protocol = mapping.protocol == Protocol::tcp ? NATPMP_PROTOCOL_TCP : NATPMP_PROTOCOL_UDP;
        // The outer port is 0 when a mapping ends (RFC 6886, 3.4).
        const auto outer = static_cast<std::uint16_t>(lease.count() == 0 ? 0 : mapping.port);
        const int sent = sendnewportmappingrequest(&natpmp_, protocol, mapping.port, outer,
                                                   static_cast<std::uint32_t>(lease.count()));
        return sent < 0 ? sent : await(response, type_of(mapping.protocol), mapping.port);
    }

    /// Waits for the answer to the request just sent; 0 or the library's error. Late answers to earlier ones are
    /// skipped.
    int await(natpmpresp_t& response, int type, std::optional<std::uint16_t> port = std::nullopt) {
        const auto deadline = Clock::now() + patience;
        int result = NATPMP_TRYAGAIN;
        while (Clock::now() < deadline) {
            result = readnatpmpresponseorretry(&natpmp_, &response);
            const bool ours =
                result == 0 && response.type == type && (!port || response.pnu.newportmapping.privateport == *port);
            if (ours) return 0;
            if (result == 0) {
                natpmp_.has_pending_request = 1;
                result = NATPMP_TRYAGAIN;
                continue;
            }
            if (result != NATPMP_TRYAGAIN) return result;
            timeval until_retry{};
            getnatpmprequesttimeout(&natpmp_, &until_retry);
            const auto retry = std::chrono::milliseconds(until_retry.tv_sec * 1000 + until_retry.tv_usec / 1000 + 1);
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
            pollfd socket{natpmp_.s, POLLIN, 0};
            poll(&socket, 1, static_cast<int>(std::max<std::int64_t>(1, std::min(retry, left).count())));
        }
        natpmp_.has_pending_request = 0;
        return result;
    }

    natpmp_t natpmp_{};
    const bool usable_;
};

}  // namespace

std::unique_ptr<Gateway> find_natpmp() {
    auto router = std::make_unique<NatPmp>();
    if (!router->probe()) return nullptr;
    return router;
}

}  // namespace matriz::node::ports
