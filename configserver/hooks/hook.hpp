// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/log.hpp"
#include "common/glib/ref.hpp"
#include "common/glib/source.hpp"
#include "configserver/hooks/render.hpp"

namespace matriz::hooks {

/// What happens outside when a client list changes: a template is rendered, a program run. Changes that come close
/// together count as one; nothing waits for it. Main thread.
class Hook {
  public:
    struct Settings {
        std::vector<std::string> command;  ///< empty: none
        std::chrono::milliseconds delay{500};
        std::chrono::seconds timeout{10};
        std::string template_path;  ///< empty: none
        std::string output_path;
        bool active() const noexcept { return !command.empty() || !template_path.empty(); }
    };
    using Snapshot = std::function<std::vector<RoomView>()>;
    struct Counters {
        std::uint64_t runs = 0;
        std::uint64_t failures = 0;
    };

    explicit Hook(Snapshot snapshot) : snapshot_(std::move(snapshot)) {}
    Hook(const Hook&) = delete;
    Hook& operator=(const Hook&) = delete;
    ~Hook();

    void configure(Settings settings);
    void changed();
    const Counters& counters() const noexcept { return counters_; }

  private:
    void act();
    /// Writes the output on another thread, since that waits for the disk; written() follows. False when there is
    /// nothing to write.
    bool render_output();
    void written(const std::string& error);
    void run_command();
    void go_on();
    static void on_done(GObject* source, GAsyncResult* result, gpointer data) noexcept;
    void finished(GSubprocess* process);
    void kill_group();

    Snapshot snapshot_;
    Settings settings_;
    Counters counters_;
    log::Logger log_{"hook"};
    std::vector<RoomView> rooms_;  ///< what is being told
    std::string running_;          ///< the program's name
    bool configured_ = false;
    bool writing_ = false;
    bool again_ = false;  ///< changed meanwhile
    glib::Ref<GSubprocess> process_;
    glib::Source delay_;
    glib::Source timeout_;
    std::shared_ptr<Hook*> self_ = std::make_shared<Hook*>(this);
};

}  // namespace matriz::hooks
