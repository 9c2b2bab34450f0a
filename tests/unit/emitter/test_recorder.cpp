// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/recorder.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>

namespace matriz::emitter {
namespace {

namespace fs = std::filesystem;
constexpr SampleRate rate{48000};

struct Read {
    SF_INFO info{};
    std::vector<float> samples;
};

Read read(const fs::path& path) {
    Read result;
    SNDFILE* file = sf_open(path.c_str(), SFM_READ, &result.info);
    EXPECT_NE(file, nullptr) << path << ": " << sf_strerror(nullptr);
    if (file == nullptr) return result;
    result.samples.resize(static_cast<std::size_t>(result.info.frames * result.info.channels));
    EXPECT_EQ(sf_readf_float(file, result.samples.data(), result.info.frames), result.info.frames);
    sf_close(file);
    return result;
}

bool wait_for(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return true;
}

class RecorderTest : public testing::Test {
  protected:
    RecorderTest() {
        std::string name = (fs::temp_directory_path() / "matriz-recorder-XXXXXX").string();
        folder_ = mkdtemp(name.data());
    }
    ~RecorderTest() override { fs::remove_all(folder_); }

    RecordConfig config(RecordFormat format = RecordFormat::wav) const {
        return {.enabled = true, .folder = folder_.string(), .format = format};
    }
    std::vector<fs::path> files() const {
        std::vector<fs::path> found;
        for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path());
        std::sort(found.begin(), found.end());
        return found;
    }
    /// `frames` of a ramp that starts at `from` and rises by a 24-bit step a frame, in `channels` channels.
    static std::vector<float> ramp(int from, int frames, int channels) {
        std::vector<float> samples;
        for (int i = 0; i < frames; ++i)
            for (int c = 0; c < channels; ++c) samples.push_back(static_cast<float>(from + i) / 8388608.0F);
        return samples;
    }

    fs::path folder_;
};

TEST_F(RecorderTest, WritesNothingBeforeThereIsAudio) {
    { Recorder recorder(config()); }
    EXPECT_TRUE(files().empty());
}

TEST_F(RecorderTest, KeepsEachSample) {
    for (const auto format : {RecordFormat::wav, RecordFormat::flac}) {
        const auto all = ramp(0, 10'007, 2);
        {
            Recorder recorder(config(format));
            for (std::size_t at = 0; at < all.size(); at += 128)
                recorder.feed(std::span(all).subspan(at, std::min<std::size_t>(128, all.size() - at)), 2, rate);
        }
        ASSERT_EQ(files().size(), 1u);
        const auto result = read(files()[0]);
        EXPECT_EQ(result.info.samplerate, 48000);
        EXPECT_EQ(result.info.channels, 2);
        EXPECT_EQ(result.samples, all);
        EXPECT_EQ(files()[0].extension(), format == RecordFormat::wav ? ".wav" : ".flac");
        fs::remove(files()[0]);
    }
}

TEST_F(RecorderTest, ManyChannelsInOddPortions) {
    const auto all = ramp(-500, 5'000, 7);
    {
        Recorder recorder(config());
        std::size_t at = 0;
        for (std::size_t portion = 1; at < all.size(); portion = portion % 301 + 1) {
            const std::size_t n = std::min(portion * 7, all.size() - at);
            recorder.feed(std::span(all).subspan(at, n), 7, rate);
            at += n;
        }
    }
    EXPECT_EQ(read(files().at(0)).samples, all);
}

TEST_F(RecorderTest, AChangeOfFormatBeginsANewFile) {
    {
        Recorder recorder(config());
        recorder.feed(ramp(0, 1000, 2), 2, rate);
        recorder.feed(ramp(0, 500, 2), 2, SampleRate{44100});
        recorder.feed(ramp(0, 200, 4), 4, SampleRate{44100});
    }
    ASSERT_EQ(files().size(), 3u);
    std::vector<std::tuple<int, int, sf_count_t>> formats;
    for (const auto& path : files()) {
        const auto info = read(path).info;
        formats.emplace_back(info.samplerate, info.channels, info.frames);
    }
    std::sort(formats.begin(), formats.end());
    EXPECT_EQ(formats,
              (std::vector<std::tuple<int, int, sf_count_t>>{{44100, 2, 500}, {44100, 4, 200}, {48000, 2, 1000}}));
}

TEST_F(RecorderTest, ReadableWhileItGrows) {
    Recorder recorder(config());
    recorder.feed(ramp(0, 48'000, 2), 2, rate);
    ASSERT_TRUE(wait_for([&] { return recorder.status().seconds > 0.9; }));
    const std::string path = recorder.status().path;
    // What a reader finds now is what a kill would leave.
    EXPECT_TRUE(wait_for([&] { return read(path).info.frames > 40'000; }));
    EXPECT_TRUE(recorder.status().recording);
}

TEST_F(RecorderTest, TheFileIsCalledRiffWhileItFits) {
    {
        Recorder recorder(config());
        recorder.feed(ramp(0, 1000, 2), 2, rate);
    }
    std::ifstream file(files().at(0), std::ios::binary);
    std::string start(4, ' ');
    file.read(start.data(), 4);
    EXPECT_EQ(start, "RIFF") << "old programs know no RF64";
}

TEST_F(RecorderTest, AFolderThatCannotBeMadeStopsOnlyTheRecording) {
    std::ofstream(folder_ / "file") << "no folder";
    auto wrong = config();
    wrong.folder = (folder_ / "file" / "inside").string();
    Recorder recorder(wrong);
    recorder.feed(ramp(0, 48'000, 2), 2, rate);
    ASSERT_TRUE(wait_for([&] { return !recorder.status().error.empty(); }));
    EXPECT_FALSE(recorder.status().recording);
    recorder.feed(ramp(0, 48'000, 2), 2, rate);
    EXPECT_NE(recorder.status().error.find("inside"), std::string::npos) << recorder.status().error;
}

TEST_F(RecorderTest, AFullDiskStopsOnlyTheRecording) {
    // A limit on the size of files fails write() as a full disk does.
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{.rlim_cur = 100'000, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    {
        Recorder recorder(config());
        recorder.feed(ramp(0, 48'000, 2), 2, rate);
        EXPECT_TRUE(wait_for([&] { return !recorder.status().error.empty(); }));
        EXPECT_NE(recorder.status().error.find("File too large"), std::string::npos) << recorder.status().error;
        EXPECT_FALSE(recorder.status().recording);
        for (int i = 0; i < 100; ++i) recorder.feed(ramp(0, 48'000, 2), 2, rate);
    }
    setrlimit(RLIMIT_FSIZE, &before);
    ASSERT_EQ(files().size(), 1u);
    EXPECT_GT(read(files()[0]).info.frames, 10'000) << "what was written stays readable";
}

TEST_F(RecorderTest, TwoRecordersDoNotOverwriteOneAnother) {
    {
        Recorder first(config()), second(config());
        first.feed(ramp(0, 100, 1), 1, rate);
        second.feed(ramp(0, 200, 1), 1, rate);
    }
    ASSERT_EQ(files().size(), 2u);
    EXPECT_EQ(read(files()[0]).info.frames + read(files()[1]).info.frames, 300);
}

}  // namespace
}  // namespace matriz::emitter
