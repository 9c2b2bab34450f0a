// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/recorder.hpp"

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

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

TEST_F(RecorderTest, KeepsTheTimeOverWhatIsMissing) {
    const auto all = ramp(1, 3'000, 2);
    const auto part = [&all](std::size_t from, std::size_t to) {
        return std::span(all).subspan(2 * from, 2 * (to - from));
    };
    {
        Recorder recorder(config());
        recorder.feed(part(0, 1'000), 2, rate);
        recorder.skip(100'000);
        recorder.feed(part(1'000, 1'100), 2, rate);
        recorder.skip(1);
        recorder.skip(2);
        recorder.feed(part(1'100, 3'000), 2, rate);
        recorder.close();
        EXPECT_EQ(recorder.status().dropped_frames, 0u) << "the disk was not too slow";
    }
    std::vector<float> expected(all.begin(), all.begin() + 2'000);
    expected.resize(expected.size() + 200'000);
    expected.insert(expected.end(), all.begin() + 2'000, all.begin() + 2'200);
    expected.resize(expected.size() + 6);
    expected.insert(expected.end(), all.begin() + 2'200, all.end());
    EXPECT_EQ(read(files().at(0)).samples, expected);
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

/// Counts the files that are made in a folder.
class Births {
  public:
    explicit Births(const fs::path& folder) : descriptor_(inotify_init1(IN_NONBLOCK)) {
        inotify_add_watch(descriptor_, folder.c_str(), IN_CREATE);
    }
    ~Births() { ::close(descriptor_); }
    int count() {
        alignas(inotify_event) char events[4096];
        for (ssize_t size; (size = ::read(descriptor_, events, sizeof events)) > 0;)
            for (char* at = events; at < events + size; at += sizeof(inotify_event) + event(at)->len) ++count_;
        return count_;
    }

  private:
    static inotify_event* event(char* at) { return reinterpret_cast<inotify_event*>(at); }
    int descriptor_;
    int count_ = 0;
};

TEST_F(RecorderTest, GoesOnInANewFileWhenThereIsRoomAgain) {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{.rlim_cur = 100'000, .rlim_max = before.rlim_max};
    const std::vector<float> early(1000, 0.25F);
    const std::vector<float> late(1000, 0.5F);
    Births births(folder_);
    auto quick = config();
    quick.retry = std::chrono::milliseconds{10};
    testing::internal::CaptureStderr();
    {
        Recorder recorder(quick);
        setrlimit(RLIMIT_FSIZE, &small);
        ASSERT_TRUE(wait_for([&] {
            for (int i = 0; i < 10; ++i) recorder.feed(early, 2, rate);
            return births.count() >= 4;
        })) << "it is tried again";
        EXPECT_FALSE(recorder.status().error.empty());
        setrlimit(RLIMIT_FSIZE, &before);
        ASSERT_TRUE(wait_for([&] {
            for (int i = 0; i < 10; ++i) recorder.feed(late, 2, rate);
            return recorder.status().error.empty();
        }));
        EXPECT_TRUE(recorder.status().recording);
    }
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_EQ(said.find("recording stops"), said.rfind("recording stops")) << "said once: " << said;
    EXPECT_NE(said.find("recording goes on, in "), std::string::npos) << said;
    ASSERT_EQ(files().size(), 2u) << "tries that failed leave nothing behind";
    std::vector<float> samples = read(files()[0]).samples;
    std::vector<float> others = read(files()[1]).samples;
    if (samples.size() > others.size()) std::swap(samples, others);
    EXPECT_GT(samples.size(), 10'000u);
    EXPECT_TRUE(std::all_of(samples.begin(), samples.end(), [](float s) { return s == 0.25F; }));
    EXPECT_GE(others.size(), 2 * rate.hz);
    // A try may have begun in the last moment of the limit, but with nothing of before the first failure.
    EXPECT_EQ(others.back(), 0.5F);
}

TEST_F(RecorderTest, TakesUpAFolderThatComesLater) {
    const fs::path place = folder_ / "place";
    std::ofstream(place) << "no folder";
    auto later = config();
    later.folder = place.string();
    later.retry = std::chrono::milliseconds{10};
    Recorder recorder(later);
    const std::vector<float> audio(2000, 0.5F);
    ASSERT_TRUE(wait_for([&] {
        recorder.feed(audio, 2, rate);
        return !recorder.status().error.empty();
    }));
    fs::remove(place);
    EXPECT_TRUE(wait_for([&] {
        recorder.feed(audio, 2, rate);
        return recorder.status().error.empty() && recorder.status().seconds > 0;
    }));
}

TEST_F(RecorderTest, ClosesWhileItIsFed) {
    for (const auto format : {RecordFormat::wav, RecordFormat::flac}) {
        Recorder recorder(config(format));
        std::atomic<bool> stop{false};
        std::thread feeder([&] {
            const std::vector<float> audio(256, 0.25F);
            while (!stop) {
                recorder.feed(audio, 2, rate);
                std::this_thread::sleep_for(std::chrono::microseconds{100});
            }
        });
        EXPECT_TRUE(wait_for([&] { return recorder.status().seconds > 0.5; }));
        recorder.close();
        const auto after = read(files().at(0));
        EXPECT_GT(after.info.frames, 24'000);
        EXPECT_TRUE(std::all_of(after.samples.begin(), after.samples.end(), [](float s) { return s == 0.25F; }));
        EXPECT_FALSE(recorder.status().recording);
        recorder.feed(ramp(0, 100, 2), 2, rate);
        recorder.close();
        EXPECT_EQ(read(files().at(0)).info.frames, after.info.frames);
        stop = true;
        feeder.join();
        fs::remove(files().at(0));
    }
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
