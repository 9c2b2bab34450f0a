// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>

#include "configserver/http/send_queue.hpp"

namespace matriz::http {
namespace {

using Kind = SendQueue::Kind;
using Pushed = SendQueue::Pushed;

Frame frame(const std::string& text) { return std::make_shared<const std::string>(text); }

std::string drain(SendQueue& queue) {
    std::string out;
    while (!queue.empty()) {
        const std::string_view next = queue.front();
        out += next;
        out += ' ';
        queue.sent(next.size());
    }
    return out;
}

TEST(SendQueue, OnlyTheNewestListWaits) {
    SendQueue queue(1000, 100);
    EXPECT_EQ(queue.push(frame("list1"), Kind::latest), Pushed::queued);
    EXPECT_EQ(queue.push(frame("word"), Kind::message), Pushed::queued);
    EXPECT_EQ(queue.push(frame("picture1"), Kind::picture), Pushed::queued);
    EXPECT_EQ(queue.push(frame("list2"), Kind::latest), Pushed::queued);
    EXPECT_EQ(queue.push(frame("picture2"), Kind::picture), Pushed::queued);
    EXPECT_EQ(queue.bytes(), 17U);
    EXPECT_EQ(drain(queue), "word list2 picture2 ");
    EXPECT_EQ(queue.bytes(), 0U);
}

TEST(SendQueue, WhatHasBegunLeavesWholeAndFirst) {
    SendQueue queue(1000, 100);
    EXPECT_EQ(queue.push(frame("list1"), Kind::latest), Pushed::queued);
    EXPECT_EQ(queue.front(), "list1");
    queue.sent(2);
    EXPECT_EQ(queue.push(frame("list2"), Kind::latest), Pushed::queued);
    EXPECT_EQ(queue.push(frame("pong"), Kind::control), Pushed::queued);
    EXPECT_EQ(drain(queue), "st1 pong list2 ");
    // A TLS write that moved nothing has begun too.
    EXPECT_EQ(queue.push(frame("list1"), Kind::latest), Pushed::queued);
    EXPECT_EQ(queue.front(), "list1");
    EXPECT_EQ(queue.push(frame("pong"), Kind::control), Pushed::queued);
    EXPECT_EQ(drain(queue), "list1 pong ");
}

TEST(SendQueue, OverflowsByBytesAndByFrames) {
    SendQueue bytes(10, 100);
    EXPECT_EQ(bytes.push(frame("a single frame always fits"), Kind::message), Pushed::queued);
    EXPECT_EQ(bytes.push(frame("x"), Kind::message), Pushed::overflow);
    SendQueue frames(1000, 2);
    EXPECT_EQ(frames.push(frame("a"), Kind::control), Pushed::queued);
    EXPECT_EQ(frames.push(frame("b"), Kind::control), Pushed::queued);
    EXPECT_EQ(frames.push(frame("c"), Kind::control), Pushed::overflow);
}

TEST(SendQueue, APictureWaitsForNoOther) {
    SendQueue queue(100, 100);
    EXPECT_EQ(queue.push(frame(std::string(60, '1')), Kind::picture), Pushed::queued);
    EXPECT_EQ(queue.front().size(), 60U);
    queue.sent(1);
    EXPECT_EQ(queue.push(frame(std::string(60, '2')), Kind::picture), Pushed::left_out);
    EXPECT_EQ(queue.push(frame("list"), Kind::latest), Pushed::queued);
    queue.sent(59);
    EXPECT_EQ(queue.push(frame(std::string(60, '3')), Kind::picture), Pushed::queued);
    EXPECT_EQ(drain(queue), "list " + std::string(60, '3') + " ");
}

TEST(SendQueue, APictureThatDoesNotFitIsNoReasonToCutAnyone) {
    SendQueue queue(100, 100);
    EXPECT_EQ(queue.push(frame(std::string(60, 'x')), Kind::message), Pushed::queued);
    EXPECT_EQ(queue.push(frame(std::string(60, '1')), Kind::picture), Pushed::left_out);
    EXPECT_EQ(queue.push(frame(std::string(60, 'y')), Kind::message), Pushed::overflow);
}

TEST(SendQueue, APictureOnItsWayIsNoReasonToCutAnyone) {
    SendQueue queue(100, 100);
    EXPECT_EQ(queue.push(frame(std::string(300, '1')), Kind::picture), Pushed::queued);
    queue.front();
    queue.sent(1);
    EXPECT_EQ(queue.push(frame("ping"), Kind::control), Pushed::queued);
    EXPECT_EQ(queue.push(frame("event"), Kind::message), Pushed::queued);
    EXPECT_EQ(queue.push(frame(std::string(100, 'x')), Kind::message), Pushed::overflow);
}

TEST(SendQueue, SaysWhetherMuchWaits) {
    SendQueue queue(100, 16);
    EXPECT_TRUE(queue.roomy());
    EXPECT_EQ(queue.push(frame(std::string(25, 'x')), Kind::message), Pushed::queued);
    EXPECT_TRUE(queue.roomy());
    EXPECT_EQ(queue.push(frame("x"), Kind::message), Pushed::queued);
    EXPECT_FALSE(queue.roomy());
    drain(queue);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(queue.push(frame("x"), Kind::message), Pushed::queued);
    EXPECT_TRUE(queue.roomy());
    EXPECT_EQ(queue.push(frame("x"), Kind::message), Pushed::queued);
    EXPECT_FALSE(queue.roomy());
}

TEST(SendQueue, OthersFillItHalfOnly) {
    SendQueue queue(100, 100);
    EXPECT_EQ(queue.push(frame(std::string(50, 'x')), Kind::relayed), Pushed::queued);
    EXPECT_EQ(queue.push(frame("x"), Kind::relayed), Pushed::left_out);
    EXPECT_EQ(queue.push(frame(std::string(50, 'x')), Kind::message), Pushed::queued);
}

}  // namespace
}  // namespace matriz::http
