// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <utility>

namespace matriz::jack {

/// The right to have a client of libjack's open. When a server went away and a process opens a client while others are
/// still open on that server, libjack 1.9.21 destroys those (JackLibGlobals::Init), and closing them is the end of the
/// process. So whoever opens one asks first, and keeps what it gets until the client is closed. Any thread.
class Admission {
  public:
    /// Nothing as long as clients are open on a server that went away: try again when they are closed.
    static std::optional<Admission> ask();
    /// libjack told one of the clients that the server went away. RT-safe.
    static void server_went_away() noexcept;
    /// Clients that are open are to be closed, for others to be opened. RT-safe.
    static bool is_over() noexcept;

    Admission(Admission&& other) noexcept : held_(std::exchange(other.held_, false)) {}
    Admission& operator=(Admission&&) = delete;
    ~Admission();

  private:
    Admission() = default;

    bool held_ = true;
};

}  // namespace matriz::jack
