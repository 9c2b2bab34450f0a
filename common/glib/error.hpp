// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

#include <string>

#include "common/base/error.hpp"

namespace matriz::glib {

/// The `GError**` out-argument of a C call, freed on leaving scope.
class ErrorSlot {
  public:
    ErrorSlot() = default;
    ErrorSlot(const ErrorSlot&) = delete;
    ErrorSlot& operator=(const ErrorSlot&) = delete;
    ~ErrorSlot() { g_clear_error(&error_); }

    GError** out() {
        g_clear_error(&error_);
        return &error_;
    }
    const GError* get() const { return error_; }
    explicit operator bool() const { return error_ != nullptr; }
    bool matches(GQuark domain, int code) const { return g_error_matches(error_, domain, code) != FALSE; }
    std::string message() const { return error_ ? error_->message : ""; }
    void throw_if_set() const {
        if (error_) throw Error(message());
    }

  private:
    GError* error_ = nullptr;
};

}  // namespace matriz::glib
