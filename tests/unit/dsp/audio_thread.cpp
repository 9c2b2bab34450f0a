// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/dsp/audio_thread.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif

namespace {

thread_local bool forbidden = false;

// The kernel reads this byte at each system call of the thread: 0 lets it pass, 1 raises SIGSYS.
thread_local volatile char selector = 0;
thread_local pid_t watched = 0;

void check() noexcept {
    if (!forbidden) return;
    forbidden = false;
    selector = 0;
    std::abort();
}

/// A fork (of a death test) is watched anew.
bool watch() noexcept {
    if (watched == getpid()) return true;
    char* const byte = const_cast<char*>(&selector);
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, byte) != 0) return false;
    watched = getpid();
    return true;
}

}  // namespace

namespace matriz::dsp::test {

AudioThread::AudioThread() noexcept {
    const bool seen = watch();
    forbidden = true;
    if (seen) selector = 1;
}

AudioThread::~AudioThread() noexcept {
    selector = 0;
    forbidden = false;
}

bool AudioThread::sees_system_calls() noexcept { return watch(); }

}  // namespace matriz::dsp::test

// glibc's own, which stay reachable when malloc is replaced.
extern "C" {
void* __libc_malloc(std::size_t);                 // NOLINT
void* __libc_calloc(std::size_t, std::size_t);    // NOLINT
void* __libc_realloc(void*, std::size_t);         // NOLINT
void* __libc_memalign(std::size_t, std::size_t);  // NOLINT
void __libc_free(void*);                          // NOLINT

void* malloc(std::size_t size) {
    check();
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    check();
    return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
    check();
    return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    check();
    return __libc_memalign(alignment, size);
}
void free(void* old) {
    check();
    __libc_free(old);
}

int pthread_mutex_lock(pthread_mutex_t* mutex) {
    check();
    using Lock = int (*)(pthread_mutex_t*);
    static const Lock original = reinterpret_cast<Lock>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
    return original(mutex);
}
}
