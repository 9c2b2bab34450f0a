// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace matriz::protocol {

/// What this matriz speaks beyond the original's messages; sent as "matriz" when a node registers and in the reply.
/// The original sends nothing, which counts as 0.
inline constexpr int version = 1;

}  // namespace matriz::protocol
