// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/dsp/heap_count.hpp"

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace {

std::atomic<long> blocks{0};
std::atomic<long> bytes{0};

void* given(void* block) noexcept {
    if (!block) return nullptr;
    blocks.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(static_cast<long>(malloc_usable_size(block)), std::memory_order_relaxed);
    return block;
}

void back(void* block) noexcept {
    if (!block) return;
    blocks.fetch_sub(1, std::memory_order_relaxed);
    bytes.fetch_sub(static_cast<long>(malloc_usable_size(block)), std::memory_order_relaxed);
}

}  // namespace

matriz::dsp::test::HeapInUse matriz::dsp::test::heap_in_use() noexcept { return {blocks, bytes}; }

// glibc's own, which stay reachable when malloc is replaced.
extern "C" {
void* __libc_malloc(std::size_t);                 // NOLINT
void* __libc_calloc(std::size_t, std::size_t);    // NOLINT
void* __libc_realloc(void*, std::size_t);         // NOLINT
void* __libc_memalign(std::size_t, std::size_t);  // NOLINT
void __libc_free(void*);                          // NOLINT

void* malloc(std::size_t size) { return given(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) { return given(__libc_calloc(count, size)); }
void* realloc(void* old, std::size_t size) {
    const long before = old ? static_cast<long>(malloc_usable_size(old)) : 0;
    void* block = __libc_realloc(old, size);
    if (!block && size != 0) return nullptr;  // the old one stays
    if (old) {
        blocks.fetch_sub(1, std::memory_order_relaxed);
        bytes.fetch_sub(before, std::memory_order_relaxed);
    }
    return given(block);
}
void* memalign(std::size_t alignment, std::size_t size) { return given(__libc_memalign(alignment, size)); }
void* aligned_alloc(std::size_t alignment, std::size_t size) { return given(__libc_memalign(alignment, size)); }
int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
    *block = given(__libc_memalign(alignment, size));
    return *block ? 0 : ENOMEM;
}
void free(void* old) {
    back(old);
    __libc_free(old);
}
}
