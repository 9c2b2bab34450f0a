// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace matriz::dsp::test {

/// While one lives, this thread is an audio thread: malloc, free, a lock and (where the kernel can tell: Linux 5.11 on
/// x86) any system call end the program with a signal. Needs audio_thread.cpp in the program, which replaces malloc
/// and pthread_mutex_lock; not for builds with sanitizers, which bring their own.
class AudioThread {
  public:
    AudioThread() noexcept;
    AudioThread(const AudioThread&) = delete;
    AudioThread& operator=(const AudioThread&) = delete;
    ~AudioThread() noexcept;

    /// Whether system calls are noticed here.
    static bool sees_system_calls() noexcept;
};

}  // namespace matriz::dsp::test
