// SPDX-License-Identifier: GPL-3.0-or-later
#include <gst/gst.h>
#include <gtest/gtest.h>

#include "plugins/gst/elements.hpp"

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    gst_init(&argc, &argv);
    if (!matriz::plugin::register_elements(nullptr)) return 1;
    return RUN_ALL_TESTS();
}
