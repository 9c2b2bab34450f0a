// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <numeric>
#include <utility>

#include "common/config/schema.hpp"

namespace matriz::config {
namespace {

/// Single letters added, left out, replaced, or two neighbours swapped ("optimal string alignment" distance).
std::size_t edits(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::swap(before, last);
        std::swap(last, row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
    }
    return row.back();
}

std::string escape_cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c;
    }
    return out;
}

}  // namespace

std::optional<std::string> nearest(std::string_view name, const std::vector<std::string>& known) {
    if (name.size() > 64) return std::nullopt;
    const auto best = std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
        return edits(name, a) < edits(name, b);
    });
    if (best == known.end() || edits(name, *best) > std::max<std::size_t>(1, best->size() / 3)) return std::nullopt;
    return *best;
}

std::string as_json(const Json::Value& value) {
    Json::StreamWriterBuilder builder;
    builder["indentation"] = "";
    builder["emitUTF8"] = true;
    builder["precision"] = 6;
    std::string text = Json::writeString(builder, value);
    constexpr std::size_t longest = 80;
    if (text.size() > longest) text = text.substr(0, longest) + "…";
    return text;
}

std::string help_text(const std::vector<KeyDoc>& keys) {
    std::string text;
    for (const KeyDoc& key : keys) {
        text += fmt::format("  {}: {}", key.name, key.accepted);
        if (!key.fallback.empty()) text += fmt::format(" (default {})", key.fallback);
        text += fmt::format("\n      {}\n", key.help);
    }
    return text;
}

std::string markdown_table(const std::vector<KeyDoc>& keys) {
    std::string text = "| key | accepted | default | meaning |\n| --- | --- | --- | --- |\n";
    for (const KeyDoc& key : keys)
        text += fmt::format("| `{}` | {} | {} | {} |\n", key.name, escape_cell(key.accepted),
                            key.fallback.empty() ? "" : "`" + escape_cell(key.fallback) + "`", escape_cell(key.help));
    return text;
}

}  // namespace matriz::config
