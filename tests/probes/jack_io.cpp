// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/probes/jack_io.hpp"

#include <algorithm>
#include <chrono>

#include "common/base/error.hpp"

namespace matriz::probe {
namespace {

jack_port_t* register_port(jack_client_t* client, const std::string& name, unsigned long flags) {
    jack_port_t* port = jack_port_register(client, name.c_str(), JACK_DEFAULT_AUDIO_TYPE, flags, 0);
    if (port == nullptr) throw Error("JACK does not give the probe a port {}", name);
    return port;
}

}  // namespace

JackClient JackIo::open(const std::string& name, const std::string& server) const {
    jack_status_t status{};
    int options = JackNoStartServer;
    jack_client_t* client = nullptr;
    if (server.empty())
        client = jack_client_open(name.c_str(), static_cast<jack_options_t>(options), &status);
    else
        client = jack_client_open(name.c_str(), static_cast<jack_options_t>(options | JackServerName), &status,
                                  server.c_str());
    if (client == nullptr)
        throw Error("no connection to the JACK server {} (status 0x{:x}); is it running?",
                    server.empty() ? "\"default\"" : server, static_cast<unsigned>(status));
    return JackClient(client);
}

JackIo::JackIo(const Options& options)
    : out_(open(options.name + "-out", options.server)), in_(open(options.name + "-in", options.server)) {
    rate_.hz = jack_get_sample_rate(out_.get());
    for (const GroupSpec& group : options.groups) {
        senders_.push_back({register_port(out_.get(), group.name, JackPortIsOutput), nullptr, group.send});
        for (const ReceiveSpec& receive : group.receive)
            receivers_.emplace_back(register_port(in_.get(), group.name + "-" + receive.label, JackPortIsInput),
                                    receive.port);
    }
}

JackIo::~JackIo() { stop(); }

void JackIo::stop() noexcept {
    jack_deactivate(in_.get());
    jack_deactivate(out_.get());
}

void JackIo::start(const std::vector<Loop>& loops) {
    for (std::size_t i = 0; i < senders_.size(); ++i) senders_[i].loop = &loops.at(i);
    const jack_nframes_t now = jack_frame_time(out_.get());
    play_clock_.start(now);
    listen_clock_.start(now);
    jack_set_process_callback(
        out_.get(), [](jack_nframes_t n, void* self) { return static_cast<JackIo*>(self)->play(n), 0; }, this);
    jack_set_process_callback(
        in_.get(), [](jack_nframes_t n, void* self) { return static_cast<JackIo*>(self)->listen(n), 0; }, this);
    jack_set_xrun_callback(
        in_.get(),
        [](void* self) { return static_cast<JackIo*>(self)->xruns_.fetch_add(1, std::memory_order_relaxed), 0; }, this);
    jack_on_shutdown(
        in_.get(), [](void* self) { static_cast<JackIo*>(self)->gone_.store(true, std::memory_order_release); }, this);
    if (jack_activate(in_.get()) != 0 || jack_activate(out_.get()) != 0)
        throw Error("JACK does not start the probe's clients");
}

/// RT-safe.
void JackIo::play(jack_nframes_t frames) noexcept {
    const std::int64_t now = play_clock_.extend(jack_last_frame_time(out_.get()));
    for (const Sender& sender : senders_) {
        auto* buffer = static_cast<float*>(jack_port_get_buffer(sender.port, frames));
        const auto length = static_cast<std::int64_t>(sender.loop->samples.size());
        auto position = now % length;
        for (jack_nframes_t done = 0; done < frames;) {
            const auto n = std::min<std::int64_t>(frames - done, length - position);
            std::copy_n(sender.loop->samples.begin() + position, n, buffer + done);
            done += static_cast<jack_nframes_t>(n);
            position = 0;
        }
    }
}

/// RT-safe.
void JackIo::listen(jack_nframes_t frames) noexcept {
    const Block block{listen_clock_.extend(jack_last_frame_time(in_.get())), frames};
    bool room = blocks_.writable() > 0;
    for (const Receiver& receiver : receivers_) room = room && receiver.ring.writable() >= frames;
    if (!room) {
        overruns_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    for (Receiver& receiver : receivers_)
        receiver.ring.write({static_cast<const float*>(jack_port_get_buffer(receiver.port, frames)), frames});
    blocks_.write({&block, 1});
    received_.release();
}

bool JackIo::wait(int milliseconds) { return received_.try_acquire_for(std::chrono::milliseconds(milliseconds)); }

bool JackIo::read(Block& block, std::vector<std::vector<float>>& samples) {
    if (blocks_.readable() == 0) return false;
    blocks_.read({&block, 1});
    samples.resize(receivers_.size());
    for (std::size_t i = 0; i < receivers_.size(); ++i) {
        samples[i].resize(block.frames);
        receivers_[i].ring.read(samples[i]);
    }
    return true;
}

/// A port that is not there, or whose client is not active yet, is tried again later.
void JackIo::connect(jack_client_t* client, const jack_port_t* own, const char* other, bool to_other) const {
    // Asked in this order: libjack complains on standard error about connections with ports that do not exist.
    if (jack_port_by_name(client, other) == nullptr || jack_port_connected_to(own, other) != 0) return;
    const char* name = jack_port_name(own);
    jack_connect(client, to_other ? name : other, to_other ? other : name);
}

void JackIo::connect_ports() {
    for (const Sender& sender : senders_)
        for (const std::string& target : sender.targets) connect(out_.get(), sender.port, target.c_str(), true);
    for (const Receiver& receiver : receivers_) connect(in_.get(), receiver.port, receiver.source.c_str(), false);
}

bool JackIo::connected(std::size_t index) const { return jack_port_connected(receivers_.at(index).port) > 0; }

}  // namespace matriz::probe
