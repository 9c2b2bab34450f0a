// SPDX-License-Identifier: GPL-3.0-or-later
#include "matrizctl/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "matrizctl/text.hpp"

namespace matriz::ctl {
namespace {

constexpr const char* unknown = "–";
constexpr std::size_t least_width = 80;
constexpr std::size_t longest_name = 24;
constexpr std::size_t least_name = 8;
constexpr double silence = -119.5;  // dBFS: what the node reports as its floor

enum class Colour { plain, good, warning, bad, faint };

class Painter {
  public:
    explicit Painter(bool on) : on_(on) {}
    std::string operator()(Colour colour, const std::string& text) const {
        if (!on_ || colour == Colour::plain) return text;
        constexpr const char* codes[] = {"0", "32", "33", "31", "2"};
        return fmt::format("\033[{}m{}\033[0m", codes[static_cast<int>(colour)], text);
    }

  private:
    bool on_;
};

const Json::Value& member(const Json::Value& object, const char* key) {
    return object.isObject() ? object[key] : Json::Value::nullSingleton();
}
std::string text(const Json::Value& object, const char* key, const char* otherwise = unknown) {
    const Json::Value& value = member(object, key);
    return value.isString() && !value.asString().empty() ? printable(value.asString()) : otherwise;
}
std::optional<double> number(const Json::Value& object, const char* key) {
    const Json::Value& value = member(object, key);
    return value.isNumeric() ? std::optional(value.asDouble()) : std::nullopt;
}
std::string number_text(const Json::Value& object, const char* key, int decimals = 0, std::string_view unit = "") {
    const auto value = number(object, key);
    return value ? fmt::format("{:.{}f}{}", *value, decimals, unit) : unknown;
}
std::string level_text(const Json::Value& object) {
    const auto level = number(object, "level_dbfs");
    if (!level) return unknown;
    return *level <= silence ? "silent" : fmt::format("{:.1f} dB", *level);
}
/// `count` of all packets expected, in per cent.
std::string share_text(const Json::Value& peer, const char* key) {
    const auto count = number(peer, key);
    const auto received = number(peer, "received");
    if (!count || !received) return unknown;
    const double all = *received + number(peer, "lost").value_or(0);
    return fmt::format("{:.2f} %", all > 0 ? 100 * *count / all : 0.0);
}
/// "webrtc, relay", "rtsp/udp, open": what carries the sound, its path, and whether others can listen.
std::string way_text(const Json::Value& peer) {
    std::string way = text(peer, "transport");
    if (const std::string path = text(peer, "path", ""); !path.empty()) way += ", " + path;
    const Json::Value& encrypted = member(peer, "encrypted");
    if (way != unknown && encrypted.isBool() && !encrypted.asBool()) way += ", open";
    return way;
}
std::string since_text(const Json::Value& object) {
    const auto since = number(object, "since_s");
    return since ? " for " + duration_text(*since) : "";
}

Colour colour_of_state(const std::string& state) {
    if (state == "playing" || state == "running" || state == "sending" || state == "registered") return Colour::good;
    if (state == "failed" || state == "stopped" || state == "refused" || state == "hangs") return Colour::bad;
    return Colour::warning;
}

struct Column {
    const char* title;
    bool right;
    int priority;  ///< when the terminal is narrow, the highest goes first
    std::string (*cell)(const Json::Value& peer);
};

const std::vector<Column>& columns() {
    static const std::vector<Column> all = {
        {"PEER", false, 0, [](const Json::Value& p) { return shortened(text(p, "name"), longest_name); }},
        {"STATE", false, 0, [](const Json::Value& p) { return text(p, "state"); }},
        {"LEVEL", true, 0, [](const Json::Value& p) { return level_text(p); }},
        {"DELAY", true, 0, [](const Json::Value& p) { return number_text(p, "delay_ms", 1, " ms"); }},
        {"TARGET", true, 1, [](const Json::Value& p) { return number_text(p, "target_ms", 1, " ms"); }},
        {"JITTER", true, 1, [](const Json::Value& p) { return number_text(p, "jitter_ms", 1, " ms"); }},
        {"LOST", true, 0, [](const Json::Value& p) { return share_text(p, "lost"); }},
        {"LATE", true, 2, [](const Json::Value& p) { return share_text(p, "late"); }},
        {"RECOVERED", true, 4, [](const Json::Value& p) { return number_text(p, "recovered"); }},
        {"COVERED", true, 3, [](const Json::Value& p) { return number_text(p, "concealed"); }},
        {"DRIFT", true, 3, [](const Json::Value& p) { return number_text(p, "drift_ppm", 0, " ppm"); }},
        {"CODEC", false, 3, [](const Json::Value& p) { return text(p, "codec"); }},
        {"RTT", true, 6, [](const Json::Value& p) { return number_text(p, "round_trip_ms", 1, " ms"); }},
        {"ONE WAY", true, 7, [](const Json::Value& p) { return number_text(p, "one_way_ms", 1, " ms"); }},
        {"VIA", false, 5, [](const Json::Value& p) { return way_text(p); }},
        {"ADDRESS", false, 7, [](const Json::Value& p) { return shortened(text(p, "address"), 47); }},
    };
    return all;
}

struct Table {
    std::vector<const Column*> shown;
    std::vector<std::size_t> widths;
    std::vector<std::vector<std::string>> rows;

    std::size_t width() const {
        std::size_t sum = shown.empty() ? 0 : 2 * (shown.size() - 1);
        for (const std::size_t w : widths) sum += w;
        return sum;
    }
    void drop(std::size_t index) {
        const auto at = static_cast<std::ptrdiff_t>(index);
        shown.erase(shown.begin() + at);
        widths.erase(widths.begin() + at);
        for (auto& row : rows) row.erase(row.begin() + at);
    }
};

Table lay_out(const Json::Value& peers, std::size_t width) {
    Table table;
    for (const Column& column : columns()) table.shown.push_back(&column);
    for (const Json::Value& peer : peers) {
        table.rows.emplace_back();
        for (const Column* column : table.shown) table.rows.back().push_back(column->cell(peer));
    }
    for (std::size_t i = 0; i < table.shown.size(); ++i) {
        std::size_t widest = width_of(table.shown[i]->title);
        for (const auto& row : table.rows) widest = std::max(widest, width_of(row[i]));
        table.widths.push_back(widest);
    }
    while (table.width() > width) {
        const auto least = std::max_element(table.shown.begin(), table.shown.end(),
                                            [](auto* a, auto* b) { return a->priority < b->priority; });
        if ((*least)->priority == 0) break;
        table.drop(static_cast<std::size_t>(least - table.shown.begin()));
    }
    if (table.width() > width) {  // long names only: the other cells are short
        const std::size_t excess = table.width() - width;
        table.widths[0] = table.widths[0] > least_name + excess ? table.widths[0] - excess : least_name;
        for (auto& row : table.rows) row[0] = shortened(row[0], table.widths[0]);
    }
    return table;
}

std::string table_text(const Json::Value& peers, std::size_t width, const Painter& paint) {
    const Table table = lay_out(peers, width);
    const auto line = [&](const std::vector<std::string>& cells, auto colour) {
        std::string out;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const bool last = i + 1 == cells.size();
            const std::string cell =
                last && !table.shown[i]->right ? cells[i] : padded(cells[i], table.widths[i], table.shown[i]->right);
            out += paint(colour(i), cell) + (last ? "\n" : "  ");
        }
        return out;
    };
    std::vector<std::string> titles;
    for (const Column* column : table.shown) titles.emplace_back(column->title);
    std::string out = line(titles, [](std::size_t) { return Colour::faint; });
    for (Json::ArrayIndex i = 0; i < peers.size(); ++i) {
        const std::string state = text(peers[i], "state");
        out += line(table.rows[i], [&](std::size_t column) {
            return std::string_view(table.shown[column]->title) == "STATE" ? colour_of_state(state) : Colour::plain;
        });
        if (const std::string reason = text(peers[i], "reason", ""); !reason.empty())
            for (const std::string& part : wrapped(reason, width - 2)) out += paint(Colour::faint, "  " + part) + "\n";
    }
    return out;
}

class Lines {
  public:
    Lines(std::size_t width, const Painter& paint) : width_(width), paint_(paint) {}
    /// "JACK     state   rest": `state` coloured.
    void add(const char* title, const std::string& state, Colour colour, const std::string& rest) {
        const std::string fitting = shortened(state, width_ - title_width);
        text_ += paint_(Colour::faint, padded(title, title_width, false)) + paint_(colour, fitting) +
                 shortened(rest, width_ - title_width - width_of(fitting)) + "\n";
    }
    /// Sentences, as many lines as they need.
    void add_sentences(const std::string& text, Colour colour) {
        for (const std::string& part : wrapped(text, width_ - title_width))
            text_ += std::string(title_width, ' ') + paint_(colour, part) + "\n";
    }
    void add_plain(const std::string& text) { text_ += shortened(text, width_) + "\n"; }
    std::string take() { return std::move(text_); }

  private:
    static constexpr std::size_t title_width = 9;

    std::size_t width_;
    const Painter& paint_;
    std::string text_;
};

void add_jack(Lines& lines, const Json::Value& jack) {
    const std::string state = text(jack, "state");
    std::string rest;
    if (number(jack, "rate")) rest += fmt::format("  {} Hz", number_text(jack, "rate"));
    if (number(jack, "period")) rest += fmt::format(", {} frames", number_text(jack, "period"));
    if (number(jack, "xruns")) rest += fmt::format(", {} xruns", number_text(jack, "xruns"));
    if (const auto server = text(jack, "server", ""); !server.empty()) rest += "  server " + server;
    lines.add("JACK", state, colour_of_state(state), rest);
}

void add_server(Lines& lines, const Json::Value& server) {
    if (!server.isObject()) {
        lines.add("Server", "none", Colour::plain, "");
        return;
    }
    const std::string state = text(server, "state");
    std::string rest = since_text(server) + "  " + text(server, "url");
    if (const auto own = text(server, "own_address", ""); !own.empty()) rest += "  sees this node at " + own;
    lines.add("Server", state, colour_of_state(state), rest);
    if (const auto error = text(server, "last_error", ""); !error.empty() && state != "registered")
        lines.add_sentences(error, Colour::warning);
}

void add_emitter(Lines& lines, const Json::Value& emitter) {
    const std::string state = text(emitter, "state");
    std::string rest = fmt::format("  {}, {} ms", text(emitter, "codec"), number_text(emitter, "frame_ms", 1));
    if (const auto bitrate = number(emitter, "bitrate")) rest += fmt::format(", {:.0f} kbit/s", *bitrate / 1000);
    const Json::Value& ports = member(emitter, "ports");
    if (ports.isArray()) rest += fmt::format(", {} channel{}", ports.size(), ports.size() == 1 ? "" : "s");
    rest += ", level " + level_text(emitter);
    lines.add("Sending", state, colour_of_state(state), rest);
    const Json::Value& listeners = member(emitter, "listeners");
    std::string to;
    if (listeners.isArray())
        for (const Json::Value& listener : listeners)
            to += fmt::format("{}{} ({})", to.empty() ? "" : ", ", text(listener, "address"),
                              text(listener, "transport"));
    lines.add("  to", to.empty() ? "nobody" : "", Colour::plain, to);
    if (const auto file = text(emitter, "recording", ""); !file.empty()) lines.add("  file", "", Colour::plain, file);
    if (const auto error = text(emitter, "recording_error", ""); !error.empty())
        lines.add_sentences("recording stopped: " + error, Colour::bad);
}

/// Why there would be no relay for one who needs it: of each connection, but most often the same of all.
void add_turn(Lines& lines, const Json::Value& peers) {
    std::set<std::string> said;
    for (const Json::Value& peer : peers)
        if (const auto trouble = text(peer, "turn_trouble", ""); !trouble.empty() && said.insert(trouble).second) {
            if (said.size() == 1) lines.add("TURN", "no relay", Colour::warning, "");
            lines.add_sentences(trouble, Colour::warning);
        }
}

}  // namespace

std::string render(const Json::Value& status, std::size_t width, bool colour) {
    width = std::max(width, least_width);
    const Painter paint(colour);
    Lines lines(width, paint);
    lines.add_plain(fmt::format("{}  matriz {}, up {}", text(status, "name"), text(status, "version"),
                                duration_text(number(status, "uptime_s").value_or(0))));
    add_jack(lines, member(status, "jack"));
    add_server(lines, member(status, "server"));
    add_emitter(lines, member(status, "emitter"));
    const Json::Value& peers = member(status, "peers");
    if (peers.isArray()) add_turn(lines, peers);
    const std::string out = lines.take() + "\n";
    if (!peers.isArray() || peers.empty()) return out + "Nobody else is there.\n";
    return out + table_text(peers, width, paint);
}

}  // namespace matriz::ctl
