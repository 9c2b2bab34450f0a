// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/mailbox.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace matriz::webrtc {
namespace {

struct Owner {
    int heard = 0;
};

class MailboxTest : public ::testing::Test {
  protected:
    void iterate() {
        while (g_main_context_iteration(context_.get(), FALSE) != FALSE) {
        }
    }
    Owner owner_;
    glib::Ref<GMainContext> context_ = glib::Ref<GMainContext>::adopt(g_main_context_new());
};

TEST_F(MailboxTest, HandsOnUntilItIsClosed) {
    Mailbox<Owner> mailbox(owner_, context_.get());
    const auto address = mailbox.address();
    EXPECT_TRUE(address.post([](Owner& owner) { ++owner.heard; }));
    EXPECT_EQ(owner_.heard, 0);
    iterate();
    EXPECT_EQ(owner_.heard, 1);
    EXPECT_TRUE(address.post([](Owner& owner) { ++owner.heard; }));
    mailbox.close();
    EXPECT_FALSE(address.post([](Owner& owner) { ++owner.heard; }));
    iterate();
    EXPECT_EQ(owner_.heard, 1);
}

TEST_F(MailboxTest, HoldsNoMoreThanItsLimit) {
    Mailbox<Owner> mailbox(owner_, context_.get());
    const auto address = mailbox.address();
    const auto fill = [&] {
        int taken = 0;
        while (taken <= Mailbox<Owner>::limit && address.post([](Owner& owner) { ++owner.heard; })) ++taken;
        return taken;
    };
    EXPECT_EQ(fill(), Mailbox<Owner>::limit);
    iterate();
    EXPECT_EQ(fill(), Mailbox<Owner>::limit);
}

TEST_F(MailboxTest, AContextThatIsNotIteratedAnyMoreGoesWithAllThatItHolds) {
    const auto waiting = std::make_shared<int>(1);
    const auto late = std::make_shared<int>(2);
    auto mailbox = std::make_unique<Mailbox<Owner>>(owner_, context_.get());
    const auto address = mailbox->address();  // whoever has it may be there for long
    EXPECT_TRUE(address.post([waiting](Owner&) {}));
    mailbox.reset();
    EXPECT_FALSE(address.post([late](Owner&) {}));
    EXPECT_EQ(waiting.use_count(), 2);
    context_.reset();
    EXPECT_EQ(waiting.use_count(), 1);
    EXPECT_EQ(late.use_count(), 1);
}

}  // namespace
}  // namespace matriz::webrtc
