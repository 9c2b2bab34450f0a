// SPDX-License-Identifier: GPL-3.0-or-later
#include "matrizctl/doctor/machine.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <sys/timex.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

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
        found.push_back({part[2], part[3], fs::exists(asound / ("card" + part[1].str()) / "usbid", ignored)});
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

/// The real-time priority of a thread, 0 for an ordinary one: field 40 of its stat, proc(5), the 38th after the name.
int realtime_priority(const fs::path& task) {
    const std::string stat = text_of(task / "stat");
    const auto name_end = stat.rfind(')');
    if (name_end == std::string::npos) return 0;
    std::istringstream fields(stat.substr(name_end + 1));
    std::string field;
    for (int i = 0; i < 38; ++i) fields >> field;
    return std::atoi(field.c_str());
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

std::vector<Jackd> jackds(const fs::path& proc) {
    std::vector<Jackd> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(proc, error)) {
        const std::string pid = entry.path().filename();
        if (!is_number(pid)) continue;
        const std::string name = first_line(entry.path() / "comm");
        if (name != "jackd" && name != "jackdmp" && name != "jackdbus") continue;
        Jackd jackd{.pid = std::stoi(pid), .realtime_priority = 0, .user = owner_of(entry.path())};
        std::error_code gone;
        for (const auto& task : fs::directory_iterator(entry.path() / "task", gone))
            jackd.realtime_priority = std::max(jackd.realtime_priority, realtime_priority(task.path()));
        found.push_back(jackd);
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
    machine.jackds = jackds(base / "proc");
    machine.governors = governors(base / "sys/devices/system/cpu");
    machine.clock_synchronised = clock_synchronised();
    if (const auto space = fs::space(record_dir.empty() ? "." : record_dir, error); !error)
        machine.free_bytes = space.available;
    return machine;
}

}  // namespace matriz::ctl::doctor
