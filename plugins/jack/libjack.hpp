// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

/// What every client of libjack's in this process shares. Any thread but the audio thread.
namespace matriz::jack {

/// The server that `asked` means: empty, the one that $JACK_DEFAULT_SERVER names, or "default".
std::string server_name(const std::string& asked);

/// What libjack says goes to the log as debug messages from now on. By itself it writes several lines on standard error
/// each time a server is not there.
void log_libjack();

}  // namespace matriz::jack
