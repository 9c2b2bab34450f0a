// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/gst/init.hpp"

#include <mutex>

#include "node/gst/ref.hpp"
#include "plugins/gst/elements.hpp"

namespace matriz::gst {

void initialise() {
    static std::once_flag once;
    std::call_once(once, [] {
        gst_init(nullptr, nullptr);
        // Ours are linked in: they work from a build tree as they do installed, share the node's JACK client, and take
        // the place of the same elements of an installed libgstmatriz.so.
        plugin::register_elements(nullptr);
    });
}

}  // namespace matriz::gst
