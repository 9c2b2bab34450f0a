// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/hooks/render.hpp"

#include <glib.h>

#include <algorithm>
#include <iterator>

#include "common/base/error.hpp"

namespace matriz::hooks {
namespace {

struct Scope {
    const std::vector<RoomView>& rooms;
    const RoomView* room = nullptr;
    const protocol::ClientInfo* client = nullptr;
};

std::string identifier(std::string_view name) {
    std::string id;
    if (name.empty() || g_ascii_isdigit(name.front())) id += '_';
    for (const char c : name) id += g_ascii_isalnum(c) ? c : '_';
    return id;
}

/// What stays text between double quotes in JSON and in Liquidsoap, whose strings evaluate "#{…}".
std::string quotable(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f || c == '#' || c == '"' || c == '\\' || c == '$' || c == '`')
            fmt::format_to(std::back_inserter(safe), "\\u{:04x}", byte);
        else
            safe += c;
    }
    return safe;
}

class Renderer {
  public:
    explicit Renderer(std::string_view text) : text_(text) {}

    std::string all(const std::vector<RoomView>& rooms) {
        std::string out;
        const std::size_t end = section(0, "", {rooms}, &out);
        if (end != text_.size()) throw Error("line {}: a section is closed that was not opened", line(end));
        return out;
    }

  private:
    std::size_t line(std::size_t at) const {
        return 1 + static_cast<std::size_t>(
                       std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    }

    /// Renders from `at` to the end of section `name`; `out` may be null. Returns the place after the closing tag.
    std::size_t section(std::size_t at, std::string_view name, const Scope& scope, std::string* out) {
        while (true) {
            const std::size_t open = text_.find("{{", at);
            if (out != nullptr) *out += text_.substr(at, open == std::string_view::npos ? open : open - at);
            if (open == std::string_view::npos) {
                if (!name.empty()) throw Error("{{{{#{}}}}} is not closed", name);
                return text_.size();
            }
            const std::size_t close = text_.find("}}", open);
            if (close == std::string_view::npos) throw Error("line {}: \"{{{{\" without \"}}}}\"", line(open));
            const std::string_view tag = text_.substr(open + 2, close - open - 2);
            at = close + 2;
            if (tag.starts_with('/')) {
                if (tag.substr(1) != name) throw Error("line {}: {{{{{}}}}} closes nothing", line(open), tag);
                return at;
            }
            if (tag.starts_with('#'))
                at = repeat(at, open, tag.substr(1), scope, out);
            else if (const std::string text = value(tag, scope, open); out != nullptr)
                *out += text;
        }
    }

    std::size_t repeat(std::size_t at, std::size_t open, std::string_view name, const Scope& scope, std::string* out) {
        const std::size_t end = section(at, name, scope_for_check(scope), nullptr);
        if (out == nullptr) return end;
        if (name == "rooms") {
            for (const RoomView& room : scope.rooms) section(at, name, {scope.rooms, &room}, out);
        } else if (name == "clients") {
            for (const RoomView& room : scope.rooms) {
                if (scope.room != nullptr && scope.room != &room) continue;
                for (const auto& client : room.clients) section(at, name, {scope.rooms, &room, &client}, out);
            }
        } else if (name == "streaming") {
            if (scope.client == nullptr) throw Error("line {}: {{{{#streaming}}}} is only for a client", line(open));
            if (scope.client->stream) section(at, name, scope, out);
        } else {
            throw Error("line {}: there is no section \"{}\"; accepted: rooms, clients, streaming", line(open), name);
        }
        return end;
    }

    /// While a section is only skipped, its values have nothing to stand for.
    static Scope scope_for_check(const Scope& scope) {
        static const RoomView no_room;
        static const protocol::ClientInfo nobody;
        return {scope.rooms, &no_room, &nobody};
    }

    std::string value(std::string_view tag, const Scope& scope, std::size_t open) const {
        if (tag == "room" && scope.room != nullptr) return quotable(scope.room->name);
        if (scope.client != nullptr) {
            if (tag == "id") return identifier(scope.client->name);
            if (tag == "name") return quotable(scope.client->name);
            if (tag == "ip") return quotable(scope.client->ip);
            if (tag == "port") return std::to_string(scope.client->port);
        }
        throw Error(
            "line {}: {{{{{}}}}} stands for nothing here; accepted: id, name, ip, port in a client, room in a room",
            line(open), tag);
    }

    std::string_view text_;
};

}  // namespace

std::string render(std::string_view text, const std::vector<RoomView>& rooms) { return Renderer(text).all(rooms); }

}  // namespace matriz::hooks
