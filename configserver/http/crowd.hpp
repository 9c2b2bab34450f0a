// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <list>
#include <unordered_map>

#include "configserver/net/address.hpp"

namespace matriz::http {

/// Those that must give way when there is no room left, oldest first. Whose address has the most of them goes first, so
/// that one who comes often enough drives out nobody but itself. Pure; one thread.
template <class Thing>
class Crowd {
    struct Member {
        Thing* thing;
        net::IpAddress group;
    };

  public:
    using Place = typename std::list<Member>::iterator;

    Place add(Thing& thing, const net::IpAddress& address) {
        const net::IpAddress group = address.limit_group();
        const Place place = members_.insert(members_.end(), {&thing, group});
        ++counts_[group];
        return place;
    }
    void remove(Place place) {
        uncount(place->group);
        members_.erase(place);
    }
    /// It comes from elsewhere, as has turned out.
    void regroup(Place place, const net::IpAddress& address) {
        uncount(place->group);
        place->group = address.limit_group();
        ++counts_[place->group];
    }
    bool empty() const noexcept { return members_.empty(); }
    std::size_t size() const noexcept { return members_.size(); }
    /// Call only when not empty.
    Thing& first_to_go() const {
        const auto most = std::max_element(counts_.begin(), counts_.end(), [](const auto& a, const auto& b) {
                              return a.second < b.second;
                          })->second;
        return *std::find_if(members_.begin(), members_.end(), [&](const Member& member) {
                    return counts_.at(member.group) == most;
                })->thing;
    }

  private:
    void uncount(const net::IpAddress& group) {
        if (const auto found = counts_.find(group); --found->second == 0) counts_.erase(found);
    }
    std::list<Member> members_;
    std::unordered_map<net::IpAddress, std::size_t> counts_;
};

}  // namespace matriz::http
