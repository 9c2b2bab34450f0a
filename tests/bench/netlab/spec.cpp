// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/bench/netlab/spec.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "common/base/error.hpp"

namespace matriz::netlab {
namespace {

constexpr std::size_t most_hosts = 64;

std::vector<std::string> words_of(std::string_view line) {
    std::istringstream stream{std::string(line.substr(0, line.find('#')))};
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

std::vector<std::size_t> matching(const Spec& spec, const std::string& name) {
    if (name != "*") return {spec.host(name)};
    std::vector<std::size_t> all(spec.hosts.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    return all;
}

void set_hosts(Spec& spec, const std::vector<std::string>& words) {
    if (!spec.hosts.empty()) throw Error("hosts are named once");
    spec.hosts.assign(words.begin() + 1, words.end());
    if (spec.hosts.size() < 2 || spec.hosts.size() > most_hosts)
        throw Error("2 to {} hosts make a network", most_hosts);
    if (std::set<std::string>(spec.hosts.begin(), spec.hosts.end()).size() != spec.hosts.size())
        throw Error("two hosts have the same name");
}

void parse_line(Spec& spec, const std::vector<std::string>& words, std::string_view line) {
    const std::string& key = words[0];
    if (key == "hosts") {
        set_hosts(spec, words);
    } else if (key == "seed" && words.size() == 2) {
        const std::string& text = words[1];
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), spec.seed);
        if (error != std::errc{} || end != text.data() + text.size()) throw Error("seed {}: not a whole number", text);
    } else if (key == "network" && words.size() == 2) {
        in_addr address{};
        if (inet_pton(AF_INET, words[1].c_str(), &address) != 1 || (ntohl(address.s_addr) & 0xff) != 0)
            throw Error("network {}: an address that ends in .0 is wanted", words[1]);
        spec.network = ntohl(address.s_addr);
    } else if (key == "link" || key == "both") {
        apply_link(spec, line);
    } else {
        throw Error("{}: hosts, seed, network, link and both are known", key);
    }
}

}  // namespace

std::size_t Spec::host(std::string_view name) const {
    const auto found = std::find(hosts.begin(), hosts.end(), name);
    if (found == hosts.end()) throw Error("no host is called {}", name);
    return static_cast<std::size_t>(found - hosts.begin());
}

std::string Spec::address(std::size_t host) const {
    const in_addr address{htonl(network + static_cast<std::uint32_t>(host) + 1)};
    char text[INET_ADDRSTRLEN];
    return inet_ntop(AF_INET, &address, text, sizeof text);
}

std::vector<std::pair<std::size_t, std::size_t>> apply_link(Spec& spec, std::string_view line) {
    const auto words = words_of(line);
    if (words.size() < 4 || (words[0] != "link" && words[0] != "both"))
        throw Error("link FROM TO SETTING… or both A B SETTING… is wanted");
    std::set<std::pair<std::size_t, std::size_t>> directions;
    for (const std::size_t from : matching(spec, words[1]))
        for (const std::size_t to : matching(spec, words[2])) {
            if (from == to) continue;
            directions.emplace(from, to);
            if (words[0] == "both") directions.emplace(to, from);
        }
    Spec changed = spec;  // all settings or none
    for (const auto& direction : directions)
        for (std::size_t i = 3; i < words.size(); ++i) apply_setting(changed.links[direction], words[i]);
    spec = std::move(changed);
    return {directions.begin(), directions.end()};
}

Spec parse_spec(std::string_view text) {
    Spec spec;
    std::istringstream lines{std::string(text)};
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        const auto words = words_of(line);
        if (words.empty()) continue;
        try {
            parse_line(spec, words, line);
        } catch (...) {
            rethrow_in_context("line " + std::to_string(number));
        }
    }
    if (spec.hosts.empty()) throw Error("the line \"hosts A B …\" is missing");
    return spec;
}

}  // namespace matriz::netlab
