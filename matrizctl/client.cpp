// SPDX-License-Identifier: GPL-3.0-or-later
#include "matrizctl/client.hpp"

#include <fmt/format.h>
#include <libsoup/soup.h>

#include <memory>

#include "common/base/error.hpp"
#include "common/glib/error.hpp"
#include "common/glib/ref.hpp"
#include "matrizctl/text.hpp"

namespace matriz::ctl {
namespace {

constexpr guint timeout = 5;  // s

/// By address, because a node answers to no name but localhost (it guards against DNS rebinding).
std::string resolve(const std::string& host) {
    if (g_hostname_is_ip_address(host.c_str()) || host == "localhost") return host;
    const auto resolver = glib::Ref<GResolver>::adopt(g_resolver_get_default());
    glib::ErrorSlot error;
    GList* found = g_resolver_lookup_by_name(resolver.get(), host.c_str(), nullptr, error.out());
    if (found == nullptr) throw Error("--control: no host is known by the name {}", host);
    char* text = g_inet_address_to_string(G_INET_ADDRESS(found->data));
    std::string address = text;
    g_free(text);
    g_resolver_free_addresses(found);
    return address;
}

struct Reply {
    std::string place;
    unsigned status = 0;
    Answer answer;  ///< no JSON: json is null
};

Reply ask(const char* method, const std::string& host, std::uint16_t port, const std::string& path) {
    Reply reply;
    const std::string address = resolve(host);
    const std::string& place = reply.place = address.find(':') == std::string::npos
                                                 ? fmt::format("{}:{}", address, port)
                                                 : fmt::format("[{}]:{}", address, port);
    // No proxy on the way to the own machine, whatever the environment says.
    const auto session = glib::Ref<SoupSession>::adopt(
        soup_session_new_with_options("timeout", timeout, "proxy-resolver", nullptr, nullptr));
    const auto message = glib::Ref<SoupMessage>::adopt(soup_message_new(method, ("http://" + place + path).c_str()));
    if (!message) throw Error("--control: \"{}\" is not HOST:PORT", place);
    // The node changes nothing for whoever does not say this: a web page could not.
    soup_message_headers_replace(soup_message_get_request_headers(message.get()), "X-Matriz", "matrizctl");
    glib::ErrorSlot error;
    const auto body =
        glib::Ref<GBytes>::adopt(soup_session_send_and_read(session.get(), message.get(), nullptr, error.out()));
    if (!body) {
        if (error.matches(G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
            throw Error(
                "no node answers at {}. Is matriz running? If its `control` in client.json is another address, say "
                "so with --control HOST:PORT",
                place);
        if (error.matches(G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
            throw Error("the node at {} did not answer within {} s; it hangs, or something else listens there", place,
                        timeout);
        throw Error("no node answers at {}: {}", place, error.message());
    }
    gsize size = 0;
    const auto* text = static_cast<const char*>(g_bytes_get_data(body.get(), &size));
    reply.status = static_cast<unsigned>(soup_message_get_status(message.get()));
    reply.answer.text = std::string(text != nullptr ? text : "", size);
    const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
    const char* begin = reply.answer.text.data();
    if (!reader->parse(begin, begin + reply.answer.text.size(), &reply.answer.json, nullptr))
        reply.answer.json = Json::nullValue;
    return reply;
}

/// Each answer of a node has a list of peers.
Answer checked(Reply reply) {
    if (reply.status != SOUP_STATUS_OK || !reply.answer.json.isObject() || !reply.answer.json["peers"].isArray())
        throw Error("what listens at {} is no matriz node (HTTP {}); is another program on that port?", reply.place,
                    reply.status);
    return std::move(reply.answer);
}

}  // namespace

Answer fetch_status(const std::string& host, std::uint16_t port) { return checked(ask("GET", host, port, "/status")); }

Answer fetch_trust(const std::string& host, std::uint16_t port) { return checked(ask("GET", host, port, "/trust")); }

Answer accept_peer(const std::string& host, std::uint16_t port, const std::string& name) {
    const std::unique_ptr<char, decltype(&g_free)> escaped(g_uri_escape_string(name.c_str(), nullptr, FALSE), g_free);
    Reply reply = ask("POST", host, port, std::string("/trust/") + escaped.get());
    if (reply.status == SOUP_STATUS_NOT_FOUND || reply.status == SOUP_STATUS_CONFLICT ||
        reply.status == SOUP_STATUS_FORBIDDEN || reply.status == SOUP_STATUS_INTERNAL_SERVER_ERROR) {
        const std::string said = printable(reply.answer.text.substr(0, reply.answer.text.find('\n')));
        throw Error("the node at {} says: {}", reply.place, said.empty() ? "that went wrong; see its log" : said);
    }
    return checked(std::move(reply));
}

}  // namespace matriz::ctl
