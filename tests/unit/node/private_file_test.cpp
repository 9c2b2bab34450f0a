// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/identity/private_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

/// What was put on the disk, and whether the file had its name by then.
struct Synchronised {
    std::string what;
    bool named = false;
    bool operator==(const Synchronised&) const = default;
};
std::vector<Synchronised> synchronised;
std::string watched;

}  // namespace

/// In the C library's place.
extern "C" int fsync(int fd) {
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    synchronised.push_back({std::filesystem::read_symlink(link).string(), std::filesystem::exists(watched)});
    return 0;
}

namespace matriz::identity {
namespace {

TEST(PrivateFile, ItsContentsAreOnTheDiskBeforeItsNameAndThenThatToo) {
    char pattern[] = "/tmp/matriz-private-XXXXXX";
    const std::string folder = std::filesystem::canonical(::mkdtemp(pattern)).string();
    watched = folder + "/secret";
    synchronised.clear();
    write_private(watched, "text");
    EXPECT_THAT(synchronised, testing::ElementsAre(Synchronised{watched + ".new", false}, Synchronised{folder, true}));
    std::string text;
    std::ifstream(watched) >> text;
    EXPECT_EQ(text, "text");
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace matriz::identity
