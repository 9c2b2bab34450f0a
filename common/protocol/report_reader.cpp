// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/protocol/report_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "common/protocol/limits.hpp"

namespace matriz::protocol {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

/// Walks over the text; every member is false when something else stands there.
class Cursor {
  public:
    explicit Cursor(std::string_view text) : rest_(text) {}

    bool take(char wanted) {
        skip_space();
        if (rest_.empty() || rest_.front() != wanted) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool at_end() {
        skip_space();
        return rest_.empty();
    }
    /// A string of plain ASCII without escapes.
    bool text(std::string_view& out) {
        if (!take('"')) return false;
        std::size_t size = 0;
        while (size < rest_.size() && rest_[size] != '"') {
            const auto byte = static_cast<unsigned char>(rest_[size]);
            if (byte < 0x20 || byte >= 0x7f || byte == '\\') return false;
            ++size;
        }
        if (size == rest_.size()) return false;
        out = rest_.substr(0, size);
        rest_.remove_prefix(size + 1);
        return true;
    }
    bool number(double& out) {
        skip_space();
        const std::size_t sign = !rest_.empty() && rest_.front() == '-' ? 1 : 0;
        if (rest_.size() <= sign || !digit(rest_[sign])) return false;
        if (rest_[sign] == '0' && rest_.size() > sign + 1 && digit(rest_[sign + 1])) return false;
        const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), out);
        if (error != std::errc{} || !std::isfinite(out) || !digit(end[-1])) return false;
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return true;
    }

  private:
    void skip_space() {
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) rest_.remove_prefix(1);
    }
    std::string_view rest_;
};

bool read_figure(Cursor& cursor, std::string_view key, LinkReport& link) {
    double value = 0;
    if (!cursor.number(value)) return false;
    if (key == "delay_ms")
        link.delay_ms = std::clamp(value, 0.0, 60'000.0);
    else if (key == "loss")
        link.loss = std::clamp(value, 0.0, 1.0);
    else if (key == "jitter_ms")
        link.jitter_ms = std::clamp(value, 0.0, 60'000.0);
    else if (key == "level_db")
        link.level_db = std::clamp(value, -200.0, 200.0);
    else if (key == "one_way_ms")
        link.one_way_ms = std::clamp(value, 0.0, 60'000.0);
    else
        return false;
    return true;
}

bool read_link(Cursor& cursor, LinkReport& link) {
    if (!cursor.take('{')) return false;
    do {
        std::string_view key;
        if (!cursor.text(key) || !cursor.take(':')) return false;
        if (key == "peer") {
            std::string_view peer;
            if (!cursor.text(peer) || peer.size() > max_name) return false;
            link.peer = peer;
        } else if (!read_figure(cursor, key, link)) {
            return false;
        }
    } while (cursor.take(','));
    return cursor.take('}');
}

}  // namespace

std::optional<Report> read_plain_report(std::string_view text) {
    Cursor cursor(text);
    std::string_view key;
    if (text.size() > max_message || !cursor.take('{') || !cursor.text(key) || key != "report" || !cursor.take(':') ||
        !cursor.take('['))
        return std::nullopt;
    Report report;
    do {
        if (report.links.size() >= max_clients || !read_link(cursor, report.links.emplace_back())) return std::nullopt;
    } while (cursor.take(','));
    if (!cursor.take(']') || !cursor.take('}') || !cursor.at_end()) return std::nullopt;
    return report;
}

}  // namespace matriz::protocol
