// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>

#include <array>
#include <string_view>

#include "node/ports/gateway.hpp"

namespace matriz::node::ports {
namespace {

constexpr int discovery_ms = 1000;
constexpr int only_permanent_leases = 725;  // an error of IGD:1
constexpr int conflict = 718;

const char* word(Protocol protocol) { return protocol == Protocol::tcp ? "TCP" : "UDP"; }

/// The router could not be asked, or did not answer in time.
bool was_unanswered(int error) { return error == UPNPCOMMAND_HTTP_ERROR; }

/// The host of an http:// URL.
std::string host_of(const std::string& url) {
    const auto start = url.find("//");
    if (start == std::string::npos) return url;
    return url.substr(start + 2, url.find_first_of(":/", start + 2) - start - 2);
}

class Upnp : public Gateway {
  public:
    Upnp(const Upnp&) = delete;
    Upnp& operator=(const Upnp&) = delete;

    static std::unique_ptr<Gateway> find(const std::string& interface) {
        int error = 0;
        const std::unique_ptr<UPNPDev, decltype(&freeUPNPDevlist)> found(
            upnpDiscover(discovery_ms, interface.empty() ? nullptr : interface.c_str(), nullptr, UPNP_LOCAL_PORT_ANY, 0,
                         2, &error),
            freeUPNPDevlist);
        if (!found) return nullptr;
        std::unique_ptr<Upnp> router(new Upnp);
        return router->take(found.get()) ? std::move(router) : nullptr;
    }

    ~Upnp() override { FreeUPNPUrls(&urls_); }

    std::string name() const override { return fmt::format("{} (UPnP)", host_of(urls_.controlURL)); }

    std::string own_address() const override { return own_address_.data(); }

    std::string external_address() override {
        std::array<char, 64> address{};
        if (UPNP_GetExternalIPAddress(urls_.controlURL, data_.first.servicetype, address.data()) != UPNPCOMMAND_SUCCESS)
            return {};
        return address.data();
    }

    std::optional<Refusal> open(Mapping mapping, std::chrono::seconds lease) override {
        int error = add(mapping, lasting_ ? std::chrono::seconds(0) : lease);
        if (error == only_permanent_leases && !lasting_) {
            lasting_ = true;
            error = add(mapping, std::chrono::seconds(0));
        }
        if (error == UPNPCOMMAND_SUCCESS) return std::nullopt;
        if (error == conflict) return conflicting(mapping);
        const char* told = strupnperror(error);
        return Refusal{.reason = told != nullptr ? std::string(told) : fmt::format("error {}", error),
                       .unanswered = was_unanswered(error)};
    }

    bool close(Mapping mapping) override {
        return !was_unanswered(UPNP_DeletePortMapping(urls_.controlURL, data_.first.servicetype,
                                                      std::to_string(mapping.port).c_str(), word(mapping.protocol),
                                                      nullptr));
    }

  private:
    Upnp() = default;

    /// Picks the gateway among what answered; false when none is connected.
    bool take(UPNPDev* found) {
        constexpr int connected_gateway = 1;
#if MINIUPNPC_API_VERSION >= 18
        std::array<char, 64> outer{};
        const int kind = UPNP_GetValidIGD(found, &urls_, &data_, own_address_.data(),
                                          static_cast<int>(own_address_.size()), outer.data(), outer.size());
        constexpr int gateway_with_private_address = 2;
        return kind == connected_gateway || kind == gateway_with_private_address;
#else
        return UPNP_GetValidIGD(found, &urls_, &data_, own_address_.data(), static_cast<int>(own_address_.size())) ==
               connected_gateway;
#endif
    }

    int add(Mapping mapping, std::chrono::seconds lease) {
        const std::string port = std::to_string(mapping.port);
        return UPNP_AddPortMapping(urls_.controlURL, data_.first.servicetype, port.c_str(), port.c_str(),
                                   own_address_.data(), "matriz", word(mapping.protocol), nullptr,
                                   std::to_string(lease.count()).c_str());
    }

    /// "port 8554 is taken by 192.168.1.7"; nothing when it is this machine that has it: some routers call it a
    /// conflict when a mapping is asked for again, which stands nevertheless.
    std::optional<Refusal> conflicting(Mapping mapping) {
        std::array<char, 64> client{};
        std::array<char, 8> port{};
        std::array<char, 128> description{};
        std::array<char, 8> enabled{};
        std::array<char, 16> lease{};
        const std::string wanted = std::to_string(mapping.port);
        const bool known =
            UPNP_GetSpecificPortMappingEntry(urls_.controlURL, data_.first.servicetype, wanted.c_str(),
                                             word(mapping.protocol), nullptr, client.data(), port.data(),
                                             description.data(), enabled.data(), lease.data()) == UPNPCOMMAND_SUCCESS;
        if (known && std::string_view(client.data()) == own_address_.data() && port.data() == wanted)
            return std::nullopt;
        return Refusal{.reason = fmt::format("port {} is taken {}", mapping.port,
                                             known ? fmt::format("by {}", client.data()) : "there"),
                       .others = true};
    }

    UPNPUrls urls_{};
    IGDdatas data_{};
    std::array<char, 64> own_address_{};
    bool lasting_ = false;  ///< this router knows only mappings without an end
};

}  // namespace

std::unique_ptr<Gateway> find_upnp(const std::string& interface) { return Upnp::find(interface); }

}  // namespace matriz::node::ports
