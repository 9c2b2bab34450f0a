// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/sound_file.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "common/base/error.hpp"

namespace matriz::emitter {
namespace {

struct NewFile {
    int descriptor;
    std::string path;
};

std::string reason(int error) { return std::generic_category().message(error); }

/// So that the name, too, outlasts a power cut. A folder that cannot be synced (some network file systems) is no
/// trouble.
void sync_folder(const std::string& folder) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
}

NewFile create(const std::string& folder, const char* extension) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) throw Error("cannot make the folder {}: {}", folder, error.message());
    const auto stem = fmt::format("{:%Y%m%d-%H%M%S}", fmt::localtime(std::time(nullptr)));
    for (int attempt = 1; attempt < 1000; ++attempt) {
        const auto name = attempt == 1 ? stem : fmt::format("{}-{}", stem, attempt);
        auto path = (std::filesystem::path(folder) / (name + extension)).string();
        const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (descriptor >= 0) {
            sync_folder(folder);
            return {descriptor, std::move(path)};
        }
        if (errno != EEXIST) throw Error("cannot make {}: {}", path, reason(errno));
    }
    throw Error("cannot find a free file name in {}", folder);
}

}  // namespace

SoundFile::SoundFile(const std::string& folder, const Format& format) : format_(format) {
    const bool wav = format.container == node::RecordFormat::wav;
    auto [descriptor, path] = create(folder, wav ? ".wav" : ".flac");
    path_ = std::move(path);
    SF_INFO info{};
    info.samplerate = static_cast<int>(format.rate.hz);
    info.channels = format.channels;
    info.format = (wav ? SF_FORMAT_RF64 : SF_FORMAT_FLAC) | SF_FORMAT_PCM_24;
    file_.reset(sf_open_fd(descriptor, SFM_WRITE, &info, SF_TRUE));
    if (!file_) {
        ::unlink(path_.c_str());
        throw Error("cannot write {} at {} Hz with {} channels: {}", wav ? "WAV" : "FLAC", format.rate.hz,
                    format.channels, sf_strerror(nullptr));
    }
    sf_command(file_.get(), SFC_SET_CLIPPING, nullptr, SF_TRUE);
    if (wav) sf_command(file_.get(), SFC_RF64_AUTO_DOWNGRADE, nullptr, SF_TRUE);
}

void SoundFile::write(std::span<const float> samples) {
    const auto wanted = static_cast<sf_count_t>(samples.size()) / format_.channels;
    errno = 0;
    const sf_count_t written = sf_writef_float(file_.get(), samples.data(), wanted);
    if (written > 0) frames_ += static_cast<std::uint64_t>(written);
    if (written == wanted && sf_error(file_.get()) == SF_ERR_NO_ERROR) return;
    // libsndfile reports a short write() only as "short": the kernel's word says more.
    throw Error("{}", errno != 0 ? reason(errno) : sf_strerror(file_.get()));
}

void SoundFile::secure() {
    errno = 0;
    // A FLAC stream needs no lengths to be read.
    if (format_.container == node::RecordFormat::wav) sf_command(file_.get(), SFC_UPDATE_HEADER_NOW, nullptr, 0);
    if (sf_error(file_.get()) != SF_ERR_NO_ERROR)
        throw Error("{}", errno != 0 ? reason(errno) : sf_strerror(file_.get()));
    sf_write_sync(file_.get());
}

}  // namespace matriz::emitter
