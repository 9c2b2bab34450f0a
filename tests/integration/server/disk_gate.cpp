// SPDX-License-Identifier: GPL-3.0-or-later
// A disk that hangs when a test says so: preloaded into a program, it makes fsync() and fdatasync() wait for a shared
// lock on the file $MATRIZ_DISK_GATE. While the test holds that lock alone, nothing reaches the disk.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace {

void pass_gate() {
    const char* path = std::getenv("MATRIZ_DISK_GATE");
    const int gate = path != nullptr ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (gate < 0) return;
    flock(gate, LOCK_SH);
    close(gate);
}

}  // namespace

extern "C" int fsync(int fd) {
    pass_gate();
    return static_cast<int>(syscall(SYS_fsync, fd));
}

extern "C" int fdatasync(int fd) {
    pass_gate();
    return static_cast<int>(syscall(SYS_fdatasync, fd));
}
