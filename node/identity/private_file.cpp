// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/identity/private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/error.hpp"

namespace matriz::identity {
namespace {

/// The errno of the first failure, 0 when all of it is on the disk.
int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(fd, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return ::fsync(fd) == 0 ? 0 : errno;
}

/// Until its folder is on the disk, too, a power cut may take the renaming back. Where the folder cannot be
/// synchronised (a file system may know no such thing) the file is there all the same.
void keep_name(const std::string& path) {
    const auto slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    ::fsync(fd);
    ::close(fd);
}

}  // namespace

void write_private(const std::string& path, std::string_view text) {
    const std::string fresh = path + ".new";
    ::unlink(fresh.c_str());
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) throw Error("{} cannot be made: {}", fresh, std::strerror(errno));
    int cause = write_all(fd, text);
    ::close(fd);
    if (cause == 0 && ::rename(fresh.c_str(), path.c_str()) != 0) cause = errno;
    if (cause == 0) return keep_name(path);
    ::unlink(fresh.c_str());
    throw Error("{} cannot be written: {}", path, std::strerror(cause));
}

}  // namespace matriz::identity
