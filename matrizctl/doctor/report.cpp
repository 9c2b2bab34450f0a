// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <algorithm>

#include "matrizctl/doctor/finding.hpp"
#include "matrizctl/text.hpp"

namespace matriz::ctl::doctor {
namespace {

std::size_t count(const std::vector<Finding>& findings, Verdict verdict) {
    return static_cast<std::size_t>(std::count_if(
        findings.begin(), findings.end(), [verdict](const Finding& finding) { return finding.verdict == verdict; }));
}

const char* colour_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::good:
            return "\033[32m";
        case Verdict::note:
            return "";
        case Verdict::warning:
            return "\033[33m";
        case Verdict::bad:
            return "\033[1;31m";
    }
    return "";
}

}  // namespace

std::string_view name(Verdict verdict) noexcept {
    switch (verdict) {
        case Verdict::good:
            return "good";
        case Verdict::note:
            return "note";
        case Verdict::warning:
            return "warning";
        case Verdict::bad:
            return "bad";
    }
    return "?";
}

std::string to_text(const std::vector<Finding>& findings, bool colour) {
    constexpr std::size_t verdict_width = 9;
    constexpr std::size_t subject_width = 14;
    std::string text;
    for (const Finding& finding : findings) {
        const std::string verdict = padded(std::string(name(finding.verdict)), verdict_width, false);
        text += fmt::format("{}{}{}{}{}\n", colour ? colour_of(finding.verdict) : "", verdict, colour ? "\033[0m" : "",
                            padded(finding.subject, subject_width, false), finding.text);
        const bool trouble = finding.verdict == Verdict::bad || finding.verdict == Verdict::warning;
        if (!finding.advice.empty() && (trouble || finding.verdict == Verdict::note))
            text += fmt::format("{:{}}→ {}\n", "", verdict_width + subject_width, finding.advice);
    }
    const auto bad = count(findings, Verdict::bad);
    const auto warnings = count(findings, Verdict::warning);
    if (bad + warnings == 0) return text + "\nNothing is wrong here.\n";
    return text + fmt::format("\n{} wrong, {} to look at.\n", bad, warnings);
}

std::string to_json(const std::vector<Finding>& findings) {
    Json::Value json(Json::arrayValue);
    for (const Finding& finding : findings) {
        Json::Value item;
        item["verdict"] = std::string(name(finding.verdict));
        item["subject"] = finding.subject;
        item["text"] = finding.text;
        item["advice"] = finding.advice.empty() ? Json::Value() : Json::Value(finding.advice);
        json.append(item);
    }
    Json::StreamWriterBuilder builder;
    builder["indentation"] = "  ";
    builder["emitUTF8"] = true;
    return Json::writeString(builder, json) + "\n";
}

int exit_status(const std::vector<Finding>& findings) noexcept { return count(findings, Verdict::bad) > 0 ? 1 : 0; }

}  // namespace matriz::ctl::doctor
