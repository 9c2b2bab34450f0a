// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gst/gst.h>

#include <memory>

#include "common/glib/ref.hpp"

namespace matriz::glib {

/// GStreamer's mini objects count their references by themselves; GstElement, GstPad, GstBus … are plain GObjects.
template <class T>
struct MiniObjectTraits {
    static void ref(T* object) { gst_mini_object_ref(GST_MINI_OBJECT_CAST(object)); }
    static void unref(T* object) { gst_mini_object_unref(GST_MINI_OBJECT_CAST(object)); }
};
template <>
struct RefTraits<GstBuffer> : MiniObjectTraits<GstBuffer> {};
template <>
struct RefTraits<GstBufferList> : MiniObjectTraits<GstBufferList> {};
template <>
struct RefTraits<GstCaps> : MiniObjectTraits<GstCaps> {};
template <>
struct RefTraits<GstEvent> : MiniObjectTraits<GstEvent> {};
template <>
struct RefTraits<GstMessage> : MiniObjectTraits<GstMessage> {};
template <>
struct RefTraits<GstSample> : MiniObjectTraits<GstSample> {};

}  // namespace matriz::glib

namespace matriz::gst {

using glib::Ref;

/// A string that g_free() lets go.
using String = std::unique_ptr<char, decltype(&g_free)>;
inline String own(char* text) { return {text, g_free}; }

/// A GstStructure of our own.
using Structure = std::unique_ptr<GstStructure, decltype(&gst_structure_free)>;
inline Structure own(GstStructure* structure) { return {structure, gst_structure_free}; }

}  // namespace matriz::gst
