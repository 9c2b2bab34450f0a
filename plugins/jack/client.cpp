// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugins/jack/client.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <map>
#include <utility>

#include "common/base/error.hpp"
#include "plugins/jack/libjack.hpp"

namespace matriz::jack {
namespace {

constexpr auto connections_settle = std::chrono::milliseconds(200);
constexpr auto watch_interval = std::chrono::milliseconds(500);
constexpr int looks_until_stuck = 4;  ///< without a call, though the server's time went on

std::string explain(jack_status_t status, const std::string& name, const std::string& server) {
    if (status & JackNameNotUnique)
        return fmt::format("another program is called \"{}\" on JACK server \"{}\": choose another jack_client", name,
                           server);
    if (status & JackVersionError) return "libjack and the JACK server are of different versions: update them together";
    if (status & JackShmFailure)
        return fmt::format("no access to the memory of JACK server \"{}\": it must run as the same user", server);
    if (status & (JackServerFailed | JackServerError))
        return fmt::format("no JACK server \"{}\" answers: start it (jackd -n {} …), as the same user", server, server);
    return fmt::format("JACK server \"{}\" refused the client (status 0x{:x})", server, static_cast<unsigned>(status));
}

}  // namespace

std::shared_ptr<Client> Client::shared(const std::string& name, const std::string& server) {
    static std::mutex mutex;
    static std::map<std::pair<std::string, std::string>, std::weak_ptr<Client>> clients;
    if (name.empty() || name.find(':') != std::string::npos ||
        name.size() >= static_cast<std::size_t>(jack_client_name_size()))
        throw Error("JACK client name \"{}\": 1 to {} characters, no colon", name, jack_client_name_size() - 1);
    const std::lock_guard lock(mutex);
    auto& known = clients[{name, server_name(server)}];
    auto client = known.lock();
    if (!client) {
        client.reset(new Client(name, server_name(server)));
        known = client;
    }
    return client;
}

Client::Client(std::string name, std::string server)
    : name_(std::move(name)), server_(std::move(server)), log_("jack " + name_) {
    sem_init(&wake_, 0, 0);
    log_libjack();
    notifier_ = std::thread([this] { notify_loop(); });
}

Client::~Client() {
    stop_ = true;
    wake();
    notifier_.join();
    close();
    sem_destroy(&wake_);
}

// ---- the server

std::string Client::try_open() {
    std::string error;
    {
        const std::lock_guard lock(mutex_);
        if (handle_ && !lost_) return {};
        error = open();
        const std::lock_guard state(state_mutex_);
        open_ = error.empty();
        message_ = error;
    }
    if (error.empty()) {
        log_.info("open on JACK server \"{}\": {} Hz, {} frames a period", server_, rt_.rate.load(), period_.load());
        wake();
    }
    return error;
}

/// With mutex_ held.
std::string Client::open() {
    close();
    auto admission = Admission::ask();
    if (!admission)
        return fmt::format("JACK server \"{}\" went away; what is still open on it is closed first", server_);
    admission_.emplace(std::move(*admission));
    jack_status_t status{};
    handle_ = jack_client_open(name_.c_str(),
                               static_cast<jack_options_t>(JackNoStartServer | JackUseExactName | JackServerName),
                               &status, server_.c_str());
    if (!handle_) {
        admission_.reset();
        return explain(status, name_, server_);
    }
    lost_ = false;
    stuck_ = false;
    xruns_ = 0;
    rt_.rate = static_cast<int>(jack_get_sample_rate(handle_));
    period_ = static_cast<int>(jack_get_buffer_size(handle_));
    rt_.handle = handle_;
    rt_.first = true;
    jack_set_process_callback(handle_, on_process, this);
    jack_set_buffer_size_callback(handle_, on_period, this);
    jack_set_xrun_callback(handle_, on_xrun, this);
    jack_set_port_connect_callback(handle_, on_connect, this);
    jack_on_info_shutdown(handle_, on_shutdown, this);
    try {
        for (auto& group : groups_) register_ports(group);
    } catch (const Error& error) {
        close();
        return error.what();
    }
    if (jack_activate(handle_) != 0) {
        close();
        return fmt::format("JACK server \"{}\" did not let the client run: look at its own log", server_);
    }
    for (auto& group : groups_) {
        publish(group);
        restore_connections(group);
    }
    return {};
}

/// With mutex_ held, or when no one else is left. Ports go with the client; groups stay.
void Client::close() {
    {
        const std::lock_guard lock(state_mutex_);
        open_ = false;
    }
    for (auto& entry : rt_.table) entry.store(nullptr);
    if (handle_) {
        wait_for_process();  // where libjack would cancel its thread when the server is gone
        jack_client_close(std::exchange(handle_, nullptr));
    }
    admission_.reset();
    for (auto& group : groups_) {
        group.ports.fill(nullptr);
        group.place = -1;
    }
}

Status Client::status() const {
    Status status;
    {
        const std::lock_guard lock(state_mutex_);
        status.message = message_;
        if (!open_) return status;
    }
    status.state = lost_ ? Status::State::lost : Status::State::open;
    status.rate = {static_cast<std::uint32_t>(rt_.rate.load())};
    status.period = period_;
    status.xruns = xruns_;
    status.cycles = rt_.passes.load() / 2;
    status.hangs = hangs_;
    if (lost_)
        status.message = stuck_ ? fmt::format("JACK server \"{}\" runs, but no longer calls \"{}\"", server_, name_)
                                : fmt::format("JACK server \"{}\" went away", server_);
    return status;
}

// ---- ports

Client::PortGroup* Client::find(const std::string& prefix) {
    return const_cast<PortGroup*>(std::as_const(*this).find(prefix));
}

const Client::PortGroup* Client::find(const std::string& prefix) const {
    const auto it = std::find_if(groups_.begin(), groups_.end(), [&](const auto& g) { return g.prefix == prefix; });
    return it == groups_.end() ? nullptr : &*it;
}

std::vector<std::string> Client::connections(const std::string& prefix, int channel) const {
    const std::lock_guard lock(mutex_);
    const PortGroup* group = find(prefix);
    if (!group || channel < 1 || channel > group->channels) return {};
    return group->connections[static_cast<std::size_t>(channel - 1)];
}

/// With mutex_ held.
Client::PortGroup& Client::make_group(const std::string& prefix, int channels) {
    if (channels < 1 || channels > max_channels)
        throw Error("{} channels for \"{}\": 1 to {} are possible", channels, prefix, max_channels);
    PortGroup* group = find(prefix);
    if (group && group->channels == channels) return *group;
    if (group) {
        withdraw(*group);
        group->playout = nullptr;  // it is for the old count
        unregister_ports(*group);
    } else {
        if (groups_.size() >= max_peers) throw Error("no ports for \"{}\": {} peers have theirs", prefix, max_peers);
        group = &groups_.emplace_back();
        group->prefix = prefix;
    }
    group->channels = channels;
    try {
        if (handle_ && !lost_) {
            register_ports(*group);
            publish(*group);
            restore_connections(*group);
        }
    } catch (...) {
        groups_.remove_if([&](const auto& g) { return &g == group; });
        throw;
    }
    return *group;
}

void Client::register_ports(PortGroup& group) {
    for (int c = 0; c < group.channels; ++c) {
        const std::string port = fmt::format("{}_{}", group.prefix, c + 1);
        auto& slot = group.ports[static_cast<std::size_t>(c)];
        slot = jack_port_register(handle_, port.c_str(), JACK_DEFAULT_AUDIO_TYPE, JackPortIsOutput, 0);
        if (!slot) {
            unregister_ports(group);
            throw Error("JACK gave no port {}:{}: the name is taken or too long, or there are too many ports", name_,
                        port);
        }
    }
}

void Client::unregister_ports(PortGroup& group) {
    for (auto& port : group.ports)
        if (jack_port_t* old = std::exchange(port, nullptr); old && handle_ && !lost_)
            jack_port_unregister(handle_, old);
}

void Client::publish(PortGroup& group) {
    for (int place = 0; place < max_peers; ++place) {
        auto& entry = rt_.table[static_cast<std::size_t>(place)];
        if (entry.load() != nullptr) continue;
        group.place = place;
        entry.store(&group);
        return;
    }
}

void Client::withdraw(PortGroup& group) {
    if (group.place < 0) return;
    rt_.table[static_cast<std::size_t>(std::exchange(group.place, -1))].store(nullptr);
    wait_for_process();
}

/// On return a process() that may have seen what was stored before is over. At most a period; JACK may die meanwhile.
void Client::wait_for_process() const {
    const std::uint64_t pass = rt_.passes.load();
    if (pass % 2 == 0) return;
    for (int ms = 0; ms < 1000 && rt_.passes.load() == pass; ++ms)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void Client::keep_ports(const std::string& prefix, int channels) {
    const std::lock_guard lock(mutex_);
    make_group(prefix, channels);
}

void Client::release_ports(const std::string& prefix) {
    const std::lock_guard lock(mutex_);
    PortGroup* group = find(prefix);
    if (!group) return;
    withdraw(*group);
    unregister_ports(*group);
    groups_.remove_if([&](const auto& g) { return &g == group; });
}

void Client::attach(const std::string& prefix, int channels, dsp::Playout& playout) {
    const std::lock_guard lock(mutex_);
    if (playout.config().output_channels != channels)
        throw Error("a playout of {} channels for the {} ports of \"{}\"", playout.config().output_channels, channels,
                    prefix);
    PortGroup& group = make_group(prefix, channels);
    if (group.playout.exchange(&playout) != nullptr) wait_for_process();
}

void Client::detach(const dsp::Playout& playout) {
    const std::lock_guard lock(mutex_);
    for (auto& group : groups_) {
        if (group.playout.load() != &playout) continue;
        group.playout.store(nullptr);
        wait_for_process();
    }
}

void Client::restore_connections(PortGroup& group) {
    for (int c = 0; c < group.channels; ++c) {
        const auto at = static_cast<std::size_t>(c);
        if (!group.ports[at]) continue;
        const std::string from = jack_port_name(group.ports[at]);
        for (const auto& to : group.connections[at]) {
            const int result = jack_connect(handle_, from.c_str(), to.c_str());
            if (result != 0 && result != EEXIST) log_.debug("{} is not there to be connected to {}", to, from);
        }
    }
}

/// False: another thread is with JACK just now.
bool Client::remember_connections() {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    if (!handle_ || lost_) return true;
    for (auto& group : groups_) {
        for (std::size_t c = 0; c < max_channels; ++c) {
            if (!group.ports[c]) continue;
            std::vector<std::string> seen;
            const char** names = jack_port_get_all_connections(handle_, group.ports[c]);
            for (const char** at = names; at && *at; ++at) seen.emplace_back(*at);
            jack_free(names);
            if (!lost_) group.connections[c] = std::move(seen);
        }
    }
    return true;
}

// ---- JACK's threads

int Client::on_process(jack_nframes_t frames, void* self) noexcept {
    static_cast<Client*>(self)->process(frames);
    return 0;
}

int Client::on_period(jack_nframes_t frames, void* self) noexcept {
    auto* client = static_cast<Client*>(self);
    if (client->period_.exchange(static_cast<int>(frames)) != static_cast<int>(frames)) client->wake();
    return 0;
}

int Client::on_xrun(void* self) noexcept {
    ++static_cast<Client*>(self)->xruns_;
    return 0;
}

void Client::on_connect(jack_port_id_t, jack_port_id_t, int, void* self) noexcept {
    auto* client = static_cast<Client*>(self);
    client->connections_changed_ = true;
    client->wake();
}

void Client::on_shutdown(jack_status_t, const char*, void* self) noexcept {
    auto* client = static_cast<Client*>(self);
    Admission::server_went_away();
    client->lost_ = true;
    client->wake();
}

/// What JACK knows to have lost before this period: it counts those that it passed over since a client was late, and
/// tells of xruns of the card, mostly without counting them. RT-safe.
dsp::DeviceReport Client::look_back(jack_nframes_t frames) noexcept {
    const jack_nframes_t here = jack_last_frame_time(rt_.handle);
    const auto missed = static_cast<std::int32_t>(here - std::exchange(rt_.next_frame, here + frames));
    const std::uint64_t xruns = xruns_;
    const bool xrun = xruns != std::exchange(rt_.xruns, xruns);
    if (std::exchange(rt_.first, false)) return {};
    return {.lost_frames = missed, .xrun = xrun};
}

/// RT-safe.
void Client::process(jack_nframes_t frames) noexcept {
    const std::chrono::nanoseconds now = std::chrono::steady_clock::now().time_since_epoch();
    rt_.passes.fetch_add(1);
    const auto report = look_back(frames);
    const auto rate = static_cast<std::uint32_t>(rt_.rate.load(std::memory_order_relaxed));
    for (auto& entry : rt_.table) {
        PortGroup* group = entry.load();
        if (!group) continue;
        std::array<float*, max_channels> out{};
        const auto channels = static_cast<std::size_t>(group->channels);
        for (std::size_t c = 0; c < channels; ++c)
            out[c] = static_cast<float*>(jack_port_get_buffer(group->ports[c], frames));
        dsp::Playout* playout = group->playout.load();
        if (playout && playout->config().output_rate.hz == rate &&
            playout->config().output_channels == group->channels) {
            playout->render(out.data(), static_cast<int>(frames), now, report);
        } else {
            for (std::size_t c = 0; c < channels; ++c) std::fill_n(out[c], frames, 0.0F);
        }
    }
    rt_.passes.fetch_add(1);
}

// ---- listeners

Client::Subscription Client::on_change(Listener listener) {
    const std::lock_guard lock(listeners_mutex_);
    Subscription subscription;
    subscription.client_ = weak_from_this();
    subscription.id_ = next_listener_++;
    listeners_.emplace_back(subscription.id_, std::move(listener));
    return subscription;
}

Client::Subscription& Client::Subscription::operator=(Subscription&& other) noexcept {
    if (this == &other) return *this;
    end();
    client_ = std::move(other.client_);
    id_ = std::exchange(other.id_, 0);
    return *this;
}

void Client::Subscription::end() {
    if (id_ == 0) return;
    const auto id = std::exchange(id_, 0);
    if (const auto client = client_.lock()) {
        const std::lock_guard lock(client->listeners_mutex_);
        client->listeners_.remove_if([id](const auto& entry) { return entry.first == id; });
    }
}

/// Sleeps until wake(), which it tells, or until the time is over.
bool Client::wait_for_news(std::chrono::milliseconds limit) noexcept {
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += std::chrono::nanoseconds(limit).count();
    until.tv_sec += until.tv_nsec / 1'000'000'000;
    until.tv_nsec %= 1'000'000'000;
    for (;;) {
        if (sem_clockwait(&wake_, CLOCK_MONOTONIC, &until) == 0) return true;
        if (errno != EINTR) return false;
    }
}

/// Looks whether the server goes on, and whether it still calls this client as it calls others: true when it does not
/// and a client must be opened anew. Does not wait: whoever calls libjack while the server hangs holds the mutex.
bool Client::look_at_server() noexcept {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    // One that another client was told of: libjack lets none of the process's open before all are closed.
    if (lock && handle_ && Admission::is_over()) lost_ = true;
    const bool ours = lock && handle_ && !lost_;
    const std::uint64_t passes = rt_.passes.load();
    const std::uint32_t server_time = ours ? jack_last_frame_time(handle_) : seen_.server_time;
    const bool called = passes != seen_.passes;  // whoever holds the mutex then does not wait for the server
    const bool still = !called && (!lock || (ours && server_time == seen_.server_time));
    const bool waits = ours && !still && !called;
    seen_ = {passes, server_time, waits ? seen_.passed_over + 1 : 0, still ? seen_.still + 1 : 0};
    hangs_ = seen_.still >= looks_until_stuck;
    if (seen_.passed_over < looks_until_stuck) return false;
    seen_.passed_over = 0;
    stuck_ = true;
    lost_ = true;
    return true;
}

void Client::tell(const Status& now, Status& told) {
    if (now.state == Status::State::open && now.hangs != told.hangs) {
        if (now.hangs)
            log_.warning("JACK server \"{}\" hangs: silence until it goes on; if it does not, restart it", server_);
        else
            log_.info("JACK server \"{}\" goes on", server_);
    }
    told.hangs = now.hangs;
    if (now.state == told.state && now.rate == told.rate && now.period == told.period) return;
    if (now.state == Status::State::lost)
        log_.warning("{}: silence until it is mended", now.message);
    else if (now.state == Status::State::open && told.state == Status::State::open)
        log_.info("JACK runs at {} Hz with {} frames a period now", now.rate.hz, now.period);
    told = now;
    const std::lock_guard lock(listeners_mutex_);
    for (const auto& [id, listener] : listeners_) listener(now);
}

/// Connections are looked at when they have been left alone for a while: the graph that libjack shows lags behind its
/// notifications, and a server that is going down takes connections away before it says so.
void Client::notify_loop() {
    Status told;
    auto next_watch = std::chrono::steady_clock::now() + watch_interval;
    for (bool look_due = false;;) {
        const bool news = wait_for_news(look_due ? connections_settle : watch_interval);
        if (stop_) return;
        if (connections_changed_.exchange(false)) {
            look_due = true;
        } else if (look_due && !news) {
            look_due = !remember_connections();
        }
        bool stuck = false;
        if (const auto now = std::chrono::steady_clock::now(); now >= next_watch) {
            next_watch = now + watch_interval;
            stuck = look_at_server();
        }
        tell(status(), told);
        if (!stuck) continue;
        try_open();
        tell(status(), told);
    }
}

}  // namespace matriz::jack
