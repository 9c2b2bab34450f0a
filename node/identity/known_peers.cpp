// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/identity/known_peers.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "common/base/error.hpp"
#include "common/protocol/codec.hpp"
#include "common/protocol/fingerprint.hpp"
#include "common/protocol/json.hpp"
#include "common/protocol/limits.hpp"
#include "node/identity/private_file.hpp"

namespace matriz::identity {
namespace {

constexpr const char* member = "known_peers";
constexpr std::uintmax_t most_bytes = KnownPeers::most * (protocol::max_name * 6 + 128);

/// Nothing when there is no such file.
std::optional<std::string> contents(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::exists(path, error) && !error) return std::nullopt;
    std::ifstream stream(path, std::ios::binary);
    if (!stream) throw Error("cannot be read: {}", std::strerror(errno));
    if (std::filesystem::file_size(path) > most_bytes) throw Error("is too big");
    return std::string{std::istreambuf_iterator<char>(stream), {}};
}

std::map<std::string, std::string> parse(const std::string& text) {
    Json::Value root;
    const std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
    std::string errors;
    if (!reader->parse(text.data(), text.data() + text.size(), &root, &errors) || !root.isObject() ||
        !root[member].isObject())
        throw Error("is not what this node wrote; repair it, or remove it to trust every peer anew");
    std::map<std::string, std::string> fingerprints;
    for (const std::string& name : root[member].getMemberNames()) {
        const Json::Value& value = root[member][name];
        const auto clean = protocol::clean_fingerprint(value.isString() ? value.asString() : "");
        if (!clean) throw Error("has no fingerprint for \"{}\"; repair it, or remove that peer to trust it anew", name);
        fingerprints.emplace(name, *clean);
    }
    return fingerprints;
}

}  // namespace

KnownPeers::KnownPeers(const std::string& folder) : folder_(folder), path_(folder + "/known_peers.json") {
    try {
        if (const auto text = contents(path_)) remembered_ = parse(*text);
    } catch (const std::exception&) {
        rethrow_in_context("the peers that this node knows, " + path_);
    }
}

void KnownPeers::store(Fingerprints fingerprints) {
    Json::Value root(Json::objectValue);
    root[member] = Json::Value(Json::objectValue);
    for (const auto& [name, fingerprint] : fingerprints) root[member][name] = fingerprint;
    Json::StreamWriterBuilder lines;
    lines["indentation"] = "  ";
    lines["emitUTF8"] = true;
    std::filesystem::create_directories(folder_);
    write_private(path_, Json::writeString(lines, root) + "\n");
    remembered_ = std::move(fingerprints);
}

void KnownPeers::require_a_place() const {
    if (remembered_.size() >= most)
        throw Error("{} holds {} peers already; remove those that are gone", path_, remembered_.size());
}

KnownPeers::Verdict KnownPeers::check(const std::string& name, const std::string& fingerprint, Proof proof) {
    const auto known = remembered_.find(name);
    if (known == remembered_.end()) {
        if (fingerprint.empty() || proof == Proof::none) return Verdict::unproven;
        require_a_place();
        return Verdict::unmet;
    }
    const bool same = known->second == fingerprint;
    if (same && proof == Proof::possible) {
        offered_.erase(name);
        return Verdict::known;
    }
    offered_.insert_or_assign(name, Offered{fingerprint, proof});
    return same ? Verdict::in_the_clear : Verdict::changed;
}

bool KnownPeers::remember(const std::string& name, const std::string& fingerprint) {
    if (remembered_.contains(name)) return false;
    require_a_place();
    Fingerprints more = remembered_;
    more.emplace(name, fingerprint);
    store(std::move(more));
    return true;
}

bool KnownPeers::remembers(const std::string& name, const std::string& fingerprint) const {
    const auto known = remembered_.find(name);
    return known != remembered_.end() && known->second == fingerprint;
}

bool KnownPeers::accept(const std::string& name) {
    const auto offered = offered_.find(name);
    if (offered == offered_.end()) return false;
    Fingerprints changed = remembered_;
    if (offered->second.fingerprint.empty() || offered->second.proof == Proof::none)
        changed.erase(name);
    else
        changed.insert_or_assign(name, offered->second.fingerprint);
    store(std::move(changed));
    offered_.erase(offered);
    return true;
}

std::vector<KnownPeers::Entry> KnownPeers::entries() const {
    std::vector<Entry> list;
    for (const auto& [name, fingerprint] : remembered_) {
        const auto offered = offered_.find(name);
        Entry entry{.name = name, .fingerprint = fingerprint};
        if (offered != offered_.end()) {
            entry.refused = true;
            entry.offered = offered->second.fingerprint;
            entry.in_the_clear = offered->second.proof == Proof::none;
        }
        list.push_back(std::move(entry));
    }
    return list;
}

}  // namespace matriz::identity
