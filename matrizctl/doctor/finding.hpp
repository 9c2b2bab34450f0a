// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "matrizctl/doctor/facts.hpp"

namespace matriz::ctl::doctor {

enum class Verdict {
    good,
    note,     ///< could not be checked, or does not matter here
    warning,  ///< it plays, but not as well as it could
    bad,      ///< something does not work
};

struct Finding {
    Verdict verdict = Verdict::good;
    std::string subject;  ///< "sound card"
    std::string text;     ///< what is, in plain words
    std::string advice;   ///< what to do about it; empty when there is nothing
};

/// What the facts mean, in the order of the way that the sound takes. Pure.
std::vector<Finding> judge(const Facts& facts);

/// For a terminal, with what to do below each trouble, and a summary. Pure.
std::string to_text(const std::vector<Finding>& findings, bool colour);
std::string to_json(const std::vector<Finding>& findings);
/// 1 when something does not work, else 0.
int exit_status(const std::vector<Finding>& findings) noexcept;

std::string_view name(Verdict verdict) noexcept;

}  // namespace matriz::ctl::doctor
