// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>

#include "node/emitter/offer.hpp"

namespace matriz::emitter {

/// Wraps packets in RED (RFC 2198), with the redundancy that `offer` has at the moment, and hands them to `next`.
std::shared_ptr<PacketSink> make_red_sink(std::shared_ptr<PacketSink> next, std::shared_ptr<Offer> offer);

}  // namespace matriz::emitter
