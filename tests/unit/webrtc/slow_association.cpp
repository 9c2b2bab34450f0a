// SPDX-License-Identifier: GPL-3.0-or-later
// For LD_PRELOAD. Where webrtcbin's own thread takes a lock of the SCTP plugin's it comes a little late, so that what
// is freed meanwhile is freed by then.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/prctl.h>

#include <array>
#include <chrono>
#include <string_view>
#include <thread>

namespace {

bool is_webrtcbins_thread() {
    std::array<char, 16> name{};
    prctl(PR_GET_NAME, name.data());
    return std::string_view(name.data()).ends_with(":pc");
}

bool is_in_sctp_plugin(const void* address) {
    Dl_info info{};
    return dladdr(address, &info) != 0 && std::string_view(info.dli_fname).find("gstsctp") != std::string_view::npos;
}

}  // namespace

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
    static const auto real = reinterpret_cast<int (*)(pthread_mutex_t*)>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
    thread_local const bool late = is_webrtcbins_thread();
    if (late && is_in_sctp_plugin(__builtin_return_address(0)))
        std::this_thread::sleep_for(std::chrono::milliseconds{3});
    return real(mutex);
}
