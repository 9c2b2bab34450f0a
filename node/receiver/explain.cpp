// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/receiver/explain.hpp"

#include <array>

namespace matriz::receiver {
namespace {

struct Case {
    std::string_view sign;  ///< in GStreamer's text
    std::string_view meaning;
};

constexpr std::array cases{
    Case{"This stream is encrypted", "it is to be heard encrypted only, and this node came in the clear"},
    Case{"This certificate is not", "it does not know this node's certificate, or not yet"},
    Case{"Error performing TLS handshake", "it speaks no TLS, or does not accept this node's certificate"},
    Case{"(403)", "it refuses us: this node is not in its client list, or not yet"},
    Case{"Forbidden", "it refuses us: this node is not in its client list, or not yet"},
    Case{"(401)", "it wants a password"},
    Case{"Unauthorized", "it wants a password"},
    Case{"(404)", "it has no stream"},
    Case{"Not Found", "it has no stream"},
    Case{"(503)", "its stream is not ready"},
    Case{"(461)", "it offers neither UDP nor TCP"},
    Case{"Connection refused", "nobody answers at its port: is its node running, and the port open?"},
    Case{"No route to host", "there is no way to its address"},
    Case{"Network is unreachable", "there is no way to its address"},
    Case{"unreachable", "there is no way to its address"},
    Case{"Could not resolve", "its host name is not known"},
    Case{"Name or service not known", "its host name is not known"},
    Case{"timed out", "it does not answer: a firewall may be in the way"},
    Case{"timeout", "it does not answer: a firewall may be in the way"},
    Case{"Timeout", "it does not answer: a firewall may be in the way"},
    Case{"No supported stream", "it sends nothing that can be played here"},
    Case{"does not contain", "it sends nothing that can be played here"},
    Case{"closed the connection", "it closed the connection"},
    Case{"Could not connect", "it cannot be reached: is its node running, and its port open?"},
    Case{"Failed to connect", "it cannot be reached: is its node running, and its port open?"},
};

}  // namespace

std::string explain(std::string_view error) {
    for (const auto& known : cases)
        if (error.find(known.sign) != std::string_view::npos) return std::string(known.meaning);
    return std::string(error);
}

}  // namespace matriz::receiver
