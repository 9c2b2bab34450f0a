// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <string>

namespace matriz::identity {

/// What is kept of the peers in one private JSON file: {"<title>":{"key":"value"…}}, where `<title>.json` is the file's
/// name. Not thread-safe.
class PeerFile {
  public:
    using Pairs = std::map<std::string, std::string>;

    PeerFile(std::string folder, std::string title);

    const std::string& path() const noexcept { return path_; }
    /// Empty when there is no file. Throws Error when it cannot be read or is something else.
    Pairs read() const;
    /// Makes the folder when it is needed. Throws an exception when it cannot be written; the file is what it was then.
    void write(const Pairs& pairs) const;

  private:
    std::string folder_;
    std::string title_;
    std::string path_;
};

}  // namespace matriz::identity
