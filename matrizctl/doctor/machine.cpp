// SPDX-License-Identifier: GPL-3.0-or-later
#include "matrizctl/doctor/machine.hpp"

#include <pwd.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/timex.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string_view>

namespace matriz::ctl::doctor {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string first_line(const fs::path& path) {
    const std::string text = text_of(path);
    return text.substr(0, text.find('\n'));
}

std::vector<Card> cards(const fs::path& asound) {
    static const std::regex line(R"(^ *(\d+) \[(\S+) *\]: .*? - (.*))");
    std::vector<Card> found;
    std::istringstream table(text_of(asound / "cards"));
    for (std::string text; std::getline(table, text);) {
        std::smatch part;
        if (!std::regex_match(text, part, line)) continue;
        std::error_code ignored;
        found.push_back(
            {part[2], part[3], fs::exists(asound / ("card" + part[1].str()) / "usbid", ignored), std::stoi(part[1])});
    }
    return found;
}

/// The value of KEY in audio.conf, without quotes.
std::string audio_conf(const std::string& text, const std::string& key, const std::string& fallback) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(key + "=")) continue;
        std::string value = line.substr(key.size() + 1);
        value.erase(std::remove_if(value.begin(), value.end(), [](char c) { return c == '\'' || c == '"'; }),
                    value.end());
        return value;
    }
    return fallback;
}

struct Scheduling {
    int realtime_priority = 0;  ///< 0 for an ordinary thread
    int policy = 0;             ///< SCHED_FIFO, …
};

/// Of a thread: fields 40 and 41 of its stat, proc(5), of which the name, with blanks and brackets perhaps, is the
/// second.
Scheduling scheduling(const fs::path& task) {
    const std::string stat = text_of(task / "stat");
    const auto name_end = stat.rfind(')');
    if (name_end == std::string::npos) return {};
    std::istringstream fields(stat.substr(name_end + 1));
    std::string field;
    for (int i = 3; i < 40; ++i) fields >> field;
    Scheduling found;
    fields >> found.realtime_priority >> found.policy;
    return fields ? found : Scheduling{};
}

/// The soft limit of memory that a process may lock, in bytes; nothing when there is none, or none to read.
std::optional<std::uint64_t> lockable(const fs::path& process) {
    constexpr std::string_view title = "Max locked memory";
    std::istringstream lines(text_of(process / "limits"));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(title)) continue;
        std::istringstream value(line.substr(title.size()));
        std::uint64_t bytes = 0;
        return value >> bytes ? std::optional(bytes) : std::nullopt;  // "unlimited" is no number
    }
    return std::nullopt;
}

std::string owner_of(const fs::path& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return "?";
    const passwd* user = getpwuid(status.st_uid);
    return user != nullptr ? user->pw_name : std::to_string(status.st_uid);
}

bool is_number(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

/// All that run under one of these names.
std::vector<Process> processes(const fs::path& proc, const std::set<std::string>& names) {
    std::vector<Process> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(proc, error)) {
        const std::string pid = entry.path().filename();
        if (!is_number(pid)) continue;
        if (!names.contains(first_line(entry.path() / "comm"))) continue;
        Process process{.pid = std::stoi(pid),
                        .realtime_priority = 0,
                        .user = owner_of(entry.path()),
                        .fifo_priority = 0,
                        .lockable = lockable(entry.path())};
        std::error_code gone;
        for (const auto& task : fs::directory_iterator(entry.path() / "task", gone)) {
            const Scheduling thread = scheduling(task.path());
            process.realtime_priority = std::max(process.realtime_priority, thread.realtime_priority);
            if (thread.policy == SCHED_FIFO)
                process.fifo_priority = std::max(process.fifo_priority, thread.realtime_priority);
        }
        found.push_back(std::move(process));
    }
    return found;
}

std::vector<std::string> governors(const fs::path& cpus) {
    std::vector<std::string> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(cpus, error))
        if (std::string governor = first_line(entry.path() / "cpufreq/scaling_governor"); !governor.empty())
            found.push_back(std::move(governor));
    return found;
}

std::optional<bool> clock_synchronised() {
    timex state{};
    const int result = adjtimex(&state);
    if (result == -1) return std::nullopt;
    return result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

}  // namespace

Machine look_at_machine(const std::string& root, const std::string& record_dir) {
    const fs::path base(root);
    Machine machine;
    std::error_code error;
    machine.has_alsa = fs::exists(base / "proc/asound", error);
    machine.cards = cards(base / "proc/asound");
    const std::string conf = text_of(base / "etc/matriz/audio.conf");
    machine.wanted_card = audio_conf(conf, "DEVICE", "auto");
    machine.driver = audio_conf(conf, "DRIVER", "alsa");
    machine.jackds = processes(base / "proc", {"jackd", "jackdmp", "jackdbus"});
    machine.nodes = processes(base / "proc", {"matriz"});
    machine.governors = governors(base / "sys/devices/system/cpu");
    machine.clock_synchronised = clock_synchronised();
    if (const auto space = fs::space(record_dir.empty() ? "." : record_dir, error); !error)
        machine.free_bytes = space.available;
    return machine;
}

}  // namespace matriz::ctl::doctor
