// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <jack/jack.h>
#include <semaphore.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/log.hpp"
#include "common/base/units.hpp"
#include "plugins/dsp/playout/playout.hpp"
#include "plugins/jack/admission.hpp"

namespace matriz::jack {

/// How a client and its server stand.
struct Status {
    enum class State {
        closed,  ///< not opened yet, or the last attempt failed: `message` says why
        open,    ///< audio runs at `rate` and `period`
        lost,    ///< the server went away: `message` says how; try_open() again
    };
    State state = State::closed;
    SampleRate rate{0};
    int period = 0;            ///< frames
    std::uint64_t xruns = 0;   ///< since it was opened
    std::uint64_t cycles = 0;  ///< how often JACK has called this client
    bool hangs = false;        ///< open, but the server has stood still for two seconds
    std::string message;
};

/// A port of any client of the server.
struct Port {
    std::string name;       ///< full: "client:port"
    bool output = false;    ///< gives audio, as a sound card's capture does
    bool physical = false;  ///< of the sound card
};

/// One JACK client that carries the receiving ports of every peer: `<name>:<prefix>_1…n`. One client, since each costs
/// a context switch a period. Ports are kept by prefix, with their connections, from the first keep_ports() or attach()
/// until release_ports(), while playouts come and go behind them and even when the JACK server restarts; without a
/// playout they give silence.
///
/// How a node uses it: it holds the result of shared() from start to stop, subscribes with on_change(), calls
/// try_open() at once and then, with some backoff, as long as status().state is not `open`, and calls keep_ports() for
/// each peer of its list. The element `matrizjacksink` with the same client and server names finds the same client and
/// attaches its playout itself.
///
/// libjack can leave a client waiting for ever when others come and go at the same moment: the server runs, but never
/// calls it again. This class notices within two seconds, and opens a client anew in its place.
///
/// Threads: control threads call everything (a mutex orders them); JACK's process thread takes no lock: it reads a
/// table of atomic pointers. Listeners are called on a thread of this class. A server that hangs hangs whoever calls
/// libjack, for as long as it does: all but status(), name() and server() belong on a thread that may wait.
class Client : public std::enable_shared_from_this<Client> {
  public:
    static constexpr int max_peers = 64;

    /// The process's client of that name on that server (empty: $JACK_DEFAULT_SERVER or "default"); made, not yet
    /// opened, when there is none. Throws Error when the name is none for JACK.
    static std::shared_ptr<Client> shared(const std::string& name, const std::string& server = {});

    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Connects to the server, never starting one, with all ports there should be. Returns nothing when it is open (or
    /// was before), otherwise a sentence that says what a user can do. Takes up to seconds when a server is dying.
    std::string try_open();

    /// Never waits for JACK.
    Status status() const;

    using Listener = std::function<void(const Status&)>;
    /// Ends the subscription with its owner; not from within the listener.
    class Subscription {
      public:
        Subscription() = default;
        Subscription(Subscription&& other) noexcept { *this = std::move(other); }
        Subscription& operator=(Subscription&& other) noexcept;
        ~Subscription() { end(); }
        /// On return the listener is not running and will not be called again.
        void end();

      private:
        friend class Client;
        std::weak_ptr<Client> client_;
        std::uint64_t id_ = 0;
    };
    /// Calls `listener` on this class's own thread after each change of state, rate or period.
    [[nodiscard]] Subscription on_change(Listener listener);

    /// Makes the ports `<prefix>_1…channels`, now or when the server is there; those of another count are made anew.
    /// Throws Error when there are too many peers or JACK refuses them.
    void keep_ports(const std::string& prefix, int channels);
    /// Takes the ports away. The playout behind them is detached.
    void release_ports(const std::string& prefix);

    /// Where port `channel` (from 1) of `prefix` is connected to, as far as is known; kept while the server is away.
    std::vector<std::string> connections(const std::string& prefix, int channel) const;

    /// Lets `playout` play through the ports of `prefix` (made when needed) in place of the one before. It must live
    /// until detach(). One that was made for another rate than the server's stays silent.
    void attach(const std::string& prefix, int channels, dsp::Playout& playout);
    /// On return the audio thread does not use `playout` and never will again. Does nothing when it is not attached.
    void detach(const dsp::Playout& playout);

    /// The audio ports of all clients, in the server's order; none while it is away.
    std::vector<Port> ports() const;
    /// Connects an output to an input by full names. Returns nothing when they are (or were) connected, otherwise why
    /// not.
    std::string connect(const std::string& from, const std::string& to);

    const std::string& name() const noexcept { return name_; }
    const std::string& server() const noexcept { return server_; }

  private:
    static constexpr int max_channels = 8;

    struct PortGroup {
        std::string prefix;
        int channels = 0;
        int place = -1;  ///< in table_
        std::array<jack_port_t*, max_channels> ports{};
        std::array<std::vector<std::string>, max_channels> connections;  ///< as last seen, to be restored
        std::atomic<dsp::Playout*> playout{nullptr};
    };

    Client(std::string name, std::string server);

    PortGroup* find(const std::string& prefix);
    const PortGroup* find(const std::string& prefix) const;
    PortGroup& make_group(const std::string& prefix, int channels);
    void register_ports(PortGroup& group);
    void unregister_ports(PortGroup& group);
    void restore_connections(PortGroup& group);
    bool remember_connections();
    void publish(PortGroup& group);
    void withdraw(PortGroup& group);
    void wait_for_process() const;
    void close();
    std::string open();

    static int on_process(jack_nframes_t frames, void* self) noexcept;
    static int on_period(jack_nframes_t frames, void* self) noexcept;
    static int on_xrun(void* self) noexcept;
    static void on_connect(jack_port_id_t a, jack_port_id_t b, int connected, void* self) noexcept;
    static void on_shutdown(jack_status_t code, const char* reason, void* self) noexcept;
    void process(jack_nframes_t frames) noexcept;
    dsp::DeviceReport look_back(jack_nframes_t frames) noexcept;
    void wake() noexcept { sem_post(&wake_); }
    bool wait_for_news(std::chrono::milliseconds limit) noexcept;
    bool look_at_server() noexcept;
    void tell(const Status& now, Status& told);
    void notify_loop();

    const std::string name_;
    const std::string server_;
    const log::Logger log_;

    /// Shared with the process thread; nothing else is.
    struct Rt {
        std::array<std::atomic<PortGroup*>, max_peers> table{};
        std::atomic<std::uint64_t> passes{0};  ///< odd while process() runs
        std::atomic<int> rate{0};
        // Only process(), and open() before there is one.
        jack_client_t* handle = nullptr;
        bool first = true;
        jack_nframes_t next_frame = 0;  ///< JACK's time of the next period, when nothing is lost
        std::uint64_t xruns = 0;
    } rt_;

    std::atomic<int> period_{0};
    std::atomic<std::uint64_t> xruns_{0};
    std::atomic<bool> lost_{false};
    std::atomic<bool> stuck_{false};  ///< lost, though the server is there
    std::atomic<bool> hangs_{false};  ///< the server stands still
    std::atomic<bool> connections_changed_{false};

    mutable std::mutex mutex_;            ///< guards what follows, not what JACK's threads touch
    std::optional<Admission> admission_;  ///< while there is a handle
    jack_client_t* handle_ = nullptr;
    std::list<PortGroup> groups_;

    mutable std::mutex state_mutex_;  ///< guards the two below; never held across a call of libjack's
    bool open_ = false;
    std::string message_;  ///< why the last attempt failed

    std::mutex listeners_mutex_;  ///< held while listeners run; never taken with mutex_ held
    std::list<std::pair<std::uint64_t, Listener>> listeners_;
    std::uint64_t next_listener_ = 1;

    /// What the watch saw last; only the notifier's thread.
    struct Seen {
        std::uint64_t passes = 0;
        std::uint32_t server_time = 0;
        int passed_over = 0;  ///< in a row
        int still = 0;        ///< in a row
    } seen_;

    sem_t wake_;
    std::atomic<bool> stop_{false};
    std::thread notifier_;
};

}  // namespace matriz::jack
