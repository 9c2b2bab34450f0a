// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace matriz::node::audio {

/// Which absent peers keep their JACK ports: those who were here last. A JACK client has room for a limited number.
/// Pure.
class KeptPorts {
  public:
    /// Present and absent peers together.
    explicit KeptPorts(std::size_t limit) : limit_(limit) {}

    /// Who is here now. Returns the absent ones whose ports must go, longest absent first.
    std::vector<std::string> update(const std::set<std::string>& present);

  private:
    std::size_t limit_;
    std::vector<std::string> known_;  ///< longest absent first, present ones last
};

}  // namespace matriz::node::audio
