// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace matriz::dsp::test {

/// What has been allocated by the whole program and not yet been given back. Any thread.
struct HeapInUse {
    long blocks = 0;
    long bytes = 0;
    bool operator==(const HeapInUse&) const = default;
};
HeapInUse heap_in_use() noexcept;

}  // namespace matriz::dsp::test
