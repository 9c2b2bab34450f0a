// SPDX-License-Identifier: GPL-3.0-or-later
#include "common/config/document.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

namespace matriz::config {
namespace {

constexpr std::size_t max_size = std::size_t{4} * 1024 * 1024;
constexpr int max_depth = 32;

std::string join(const Problems& problems) {
    std::string text;
    for (const Problem& problem : problems) (text += text.empty() ? "" : "\n") += problem.str();
    return text;
}

int line_at(std::string_view text, std::ptrdiff_t offset) {
    const auto end = text.begin() + std::clamp<std::ptrdiff_t>(offset, 0, static_cast<std::ptrdiff_t>(text.size()));
    return 1 + static_cast<int>(std::count(text.begin(), end, '\n'));
}

/// jsoncpp reports "* Line 3, Column 5\n  Missing ',' …\n"; the first report is the cause, the rest follow from it.
Problem syntax_problem(const std::string& errors, const std::string& file) {
    int line = 0;
    std::sscanf(errors.c_str(), "* Line %d", &line);
    const auto start = errors.find("\n  ");
    std::string text = start == std::string::npos ? errors : errors.substr(start + 3);
    text = text.substr(0, text.find('\n'));
    return {file, line, "", "not valid JSON: " + text};
}

}  // namespace

std::string Problem::str() const {
    std::string place = file;
    if (line > 0) place += ":" + std::to_string(line);
    if (!key.empty()) place += ": " + key;
    return place + ": " + text;
}

ConfigError::ConfigError(Problems problems) : Error(join(problems)), problems_(std::move(problems)) {}

Document Document::parse(std::string text, std::string file) {
    const auto fail = [&file](int line, std::string what) -> ConfigError {
        return ConfigError({Problem{file, line, "", std::move(what)}});
    };
    if (text.size() > max_size) throw fail(0, "larger than 4 MiB, the limit for a config");
    if (!is_utf8(text)) throw fail(0, "not UTF-8 text; save it as UTF-8");

    Json::CharReaderBuilder builder;
    builder["collectComments"] = false;
    builder["rejectDupKeys"] = true;
    builder["failIfExtra"] = true;
    builder["allowSpecialFloats"] = false;
    builder["stackLimit"] = max_depth;
    const std::unique_ptr<Json::CharReader> reader(builder.newCharReader());
    Json::Value root;
    std::string errors;
    try {
        if (!reader->parse(text.data(), text.data() + text.size(), &root, &errors))
            throw ConfigError({syntax_problem(errors, file)});
    } catch (const Json::Exception& e) {  // nesting beyond stackLimit
        throw fail(0, std::string("not valid JSON: ") + e.what());
    }
    if (!root.isObject()) throw fail(1, "a config is a JSON object: { \"key\": value, … }");
    return Document(std::move(text), std::move(file), std::move(root));
}

Document Document::load(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
    int cause = file ? 0 : errno;
    std::string text;
    if (file) {
        // One byte more than is allowed tells of a file that is too large, or endless.
        text.resize(max_size + 1);
        text.resize(std::fread(text.data(), 1, text.size(), file.get()));
        if (std::ferror(file.get()) != 0) cause = errno;
    }
    if (cause != 0) throw ConfigError({Problem{path, 0, "", std::string("cannot be read: ") + std::strerror(cause)}});
    return parse(std::move(text), path);
}

int Document::line_of(const Json::Value& value) const noexcept { return line_at(text_, value.getOffsetStart()); }

bool is_utf8(std::string_view text) noexcept {
    std::size_t i = 0;
    while (i < text.size()) {
        const auto lead = static_cast<unsigned char>(text[i++]);
        if (lead < 0x80) continue;
        const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc2 ? 1 : -1;
        if (more < 0 || lead > 0xf4) return false;
        std::uint32_t code = lead & (0x3fU >> more);
        for (int k = 0; k < more; ++k) {
            if (i >= text.size()) return false;
            const auto byte = static_cast<unsigned char>(text[i++]);
            if ((byte & 0xc0) != 0x80) return false;
            code = (code << 6) | (byte & 0x3fU);
        }
        constexpr std::uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
        if (code < smallest[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    }
    return true;
}

}  // namespace matriz::config
