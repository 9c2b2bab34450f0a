// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/identity/peer_file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/error.hpp"
#include "common/protocol/json.hpp"
#include "node/identity/private_file.hpp"

namespace matriz::identity {
namespace {

constexpr std::uintmax_t most_bytes = 4 * 1024 * 1024;  ///< some thousand peers with the longest names

/// Nothing when there is no such file.
std::optional<std::string> contents(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::exists(path, error) && !error) return std::nullopt;
    std::ifstream stream(path, std::ios::binary);
    if (!stream) throw Error("cannot be read: {}", std::strerror(errno));
    if (std::filesystem::file_size(path) > most_bytes) throw Error("is too big");
    return std::string{std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

PeerFile::PeerFile(std::string folder, std::string title)
    : folder_(std::move(folder)), title_(std::move(title)), path_(folder_ + "/" + title_ + ".json") {}

PeerFile::Pairs PeerFile::read() const {
    const auto text = contents(path_);
    if (!text) return {};
    Json::Value root;
    const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
    std::string errors;
    if (!reader->parse(text->data(), text->data() + text->size(), &root, &errors) || !root.isObject() ||
        !root[title_].isObject())
        throw Error("is not what this node wrote; repair it, or remove it to trust every peer anew");
    Pairs pairs;
    for (const std::string& key : root[title_].getMemberNames()) {
        const Json::Value& value = root[title_][key];
        pairs.emplace(key, value.isString() ? value.asString() : "");
    }
    return pairs;
}

void PeerFile::write(const Pairs& pairs) const {
    Json::Value root(Json::objectValue);
    root[title_] = Json::Value(Json::objectValue);
    for (const auto& [key, value] : pairs) root[title_][key] = value;
    Json::StreamWriterBuilder lines;
    lines["indentation"] = "  ";
    lines["emitUTF8"] = true;
    std::filesystem::create_directories(folder_);
    write_private(path_, Json::writeString(lines, root) + "\n");
}

}  // namespace matriz::identity
