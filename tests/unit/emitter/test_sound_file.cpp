// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/sound_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace matriz::emitter {
namespace {

namespace fs = std::filesystem;

/// The descriptor by which this process has the file open.
int descriptor_of(const std::string& path) {
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
        std::error_code error;
        if (fs::read_symlink(entry.path(), error) == path) return std::stoi(entry.path().filename());
    }
    return -1;
}

struct Read {
    SF_INFO info{};
    std::vector<float> last;  ///< frame
};

Read read(const std::string& path) {
    Read result;
    const std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file(sf_open(path.c_str(), SFM_READ, &result.info), sf_close);
    EXPECT_NE(file, nullptr) << sf_strerror(nullptr);
    if (!file) return result;
    result.last.resize(static_cast<std::size_t>(result.info.channels));
    EXPECT_EQ(sf_seek(file.get(), result.info.frames - 1, SEEK_SET), result.info.frames - 1);
    EXPECT_EQ(sf_readf_float(file.get(), result.last.data(), 1), 1);
    return result;
}

class SoundFileTest : public testing::Test {
  protected:
    SoundFileTest() {
        std::string name = (fs::temp_directory_path() / "matriz-sound-XXXXXX").string();
        folder_ = fs::canonical(mkdtemp(name.data()));
    }
    ~SoundFileTest() override { fs::remove_all(folder_); }

    fs::path folder_;
};

TEST_F(SoundFileTest, AWavBeyond4GigabytesIsAWholeRf64) {
    constexpr off_t frame_size = 2 * 3;
    constexpr sf_count_t hole = 5'000'000'000 / frame_size;  // frames that are nowhere on the disk
    const std::vector<float> second(2 * 48000, 0.25F);
    std::string path;
    {
        SoundFile file(folder_, {.rate = SampleRate{48000}, .channels = 2, .container = node::RecordFormat::wav});
        path = file.path();
        file.write(second);
        file.secure();
        const int descriptor = descriptor_of(path);
        ASSERT_GE(descriptor, 0);
        ASSERT_GT(::lseek(descriptor, hole * frame_size, SEEK_CUR), 5'000'000'000);
        file.write(second);
        file.secure();
        EXPECT_EQ(read(path).info.frames, 96'000 + hole) << "what a kill would leave";
    }
    const Read whole = read(path);
    EXPECT_EQ(whole.info.format & SF_FORMAT_TYPEMASK, SF_FORMAT_RF64);
    EXPECT_EQ(whole.info.frames, 96'000 + hole);
    EXPECT_EQ(whole.last, (std::vector<float>{0.25F, 0.25F}));
    std::array<char, 4> start{};
    std::ifstream(path, std::ios::binary).read(start.data(), start.size());
    EXPECT_EQ(std::string(start.data(), start.size()), "RF64");
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_GT(info.st_size, 5'000'000'000);
    EXPECT_LT(info.st_blocks * 512, 20'000'000) << "the test itself needs no such disk";
}

}  // namespace
}  // namespace matriz::emitter
