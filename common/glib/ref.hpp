// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib-object.h>

#include <utility>

namespace matriz::glib {

/// How a reference-counted C type is shared and let go. Specialised for types that are not GObjects.
template <class T>
struct RefTraits {
    static void ref(T* object) { g_object_ref(object); }
    static void unref(T* object) { g_object_unref(object); }
};
template <>
struct RefTraits<GMainLoop> {
    static void ref(GMainLoop* loop) { g_main_loop_ref(loop); }
    static void unref(GMainLoop* loop) { g_main_loop_unref(loop); }
};
template <>
struct RefTraits<GMainContext> {
    static void ref(GMainContext* context) { g_main_context_ref(context); }
    static void unref(GMainContext* context) { g_main_context_unref(context); }
};
template <>
struct RefTraits<GBytes> {
    static void ref(GBytes* bytes) { g_bytes_ref(bytes); }
    static void unref(GBytes* bytes) { g_bytes_unref(bytes); }
};

/// One reference to a reference-counted C object. Made only by adopt (take over a reference the caller owns), share
/// (add one) or sink (take a floating one), so that each call site says which. As thread-safe as T's own counting.
template <class T>
class Ref {
  public:
    Ref() = default;
    Ref(const Ref& other) : object_(other.object_) {
        if (object_) RefTraits<T>::ref(object_);
    }
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() { reset(); }

    static Ref adopt(T* object) { return Ref(object); }
    static Ref share(T* object) {
        if (object) RefTraits<T>::ref(object);
        return Ref(object);
    }
    static Ref sink(T* object) {
        if (object) g_object_ref_sink(object);
        return Ref(object);
    }

    void reset() {
        if (object_) RefTraits<T>::unref(std::exchange(object_, nullptr));
    }
    /// Gives the reference away to a C function that takes it over.
    [[nodiscard]] T* release() { return std::exchange(object_, nullptr); }

    T* get() const { return object_; }
    explicit operator bool() const { return object_ != nullptr; }

  private:
    explicit Ref(T* object) : object_(object) {}
    T* object_ = nullptr;
};

}  // namespace matriz::glib
