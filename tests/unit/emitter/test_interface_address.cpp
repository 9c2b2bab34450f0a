// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/interface_address.hpp"

#include <gtest/gtest.h>

#include "common/base/error.hpp"

namespace matriz::emitter {
namespace {

TEST(InterfaceAddress, KnowsTheLoopback) { EXPECT_EQ(address_of_interface("lo"), "127.0.0.1"); }

TEST(InterfaceAddress, NamesTheInterfacesThereAre) {
    try {
        address_of_interface("matriz-none0");
        ADD_FAILURE() << "no error";
    } catch (const Error& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("matriz-none0"), std::string::npos) << text;
        EXPECT_NE(text.find("lo"), std::string::npos) << text;
    }
}

}  // namespace
}  // namespace matriz::emitter
