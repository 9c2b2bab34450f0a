// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "matrizctl/doctor/facts.hpp"

namespace matriz::ctl::doctor {

/// Looks at the machine whose /proc, /sys and /etc are below `root`. `record_dir`: where recordings go.
Machine look_at_machine(const std::string& root, const std::string& record_dir);

}  // namespace matriz::ctl::doctor
