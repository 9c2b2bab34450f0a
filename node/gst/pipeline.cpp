// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/gst/pipeline.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "common/base/error.hpp"
#include "common/glib/error.hpp"
#include "node/gst/realtime.hpp"

namespace matriz::gst {
namespace {

struct Origin {
    std::string_view prefix;
    std::string_view package;
};

/// Where Debian keeps what we use.
constexpr std::array origins{
    Origin{"jackaudio", "gstreamer1.0-plugins-good"},
    Origin{"rtsp", "gstreamer1.0-plugins-good"},
    Origin{"rtp", "gstreamer1.0-plugins-good"},
    Origin{"udp", "gstreamer1.0-plugins-good"},
    Origin{"webrtc", "gstreamer1.0-plugins-bad"},
    Origin{"nice", "gstreamer1.0-nice"},
    Origin{"matriz", "matriz"},
};

std::string_view package_of(std::string_view factory) {
    for (const auto& origin : origins)
        if (factory.starts_with(origin.prefix)) return origin.package;
    return "gstreamer1.0-plugins-base";
}

std::string name_of(GstElement* element) {
    const auto name = own(gst_element_get_name(element));
    return name ? name.get() : "?";
}

}  // namespace

Ref<GstElement> make_element(const char* factory, const std::string& name) {
    auto element = Ref<GstElement>::sink(gst_element_factory_make(factory, name.empty() ? nullptr : name.c_str()));
    if (!element) throw Error("GStreamer element {} is missing; install the package {}", factory, package_of(factory));
    return element;
}

void set_from_text(GstElement* element, const char* property, const char* text) {
    gst_util_set_object_arg(G_OBJECT(element), property, text);
}

Pipeline::Pipeline(const std::string& name) : element_(Ref<GstElement>::sink(gst_pipeline_new(name.c_str()))) {
    use_realtime_threads(element_.get());
}

Pipeline::~Pipeline() { stop(); }

void Pipeline::halt() { lower(GST_STATE_READY); }

void Pipeline::stop() { lower(GST_STATE_NULL); }

void Pipeline::lower(GstState state) {
    if (!element_ || gst_element_set_state(element_.get(), state) != GST_STATE_CHANGE_FAILURE) return;
    // A bin stops at the first element that fails to stop, and the rest would be disposed of while they run.
    GstIterator* elements = gst_bin_iterate_elements(GST_BIN(element_.get()));
    gst_iterator_foreach(
        elements,
        [](const GValue* item, gpointer data) {
            gst_element_set_state(GST_ELEMENT(g_value_get_object(item)), static_cast<GstState>(GPOINTER_TO_INT(data)));
        },
        GINT_TO_POINTER(state));
    gst_iterator_free(elements);
    gst_element_set_state(element_.get(), state);
}

GstElement* Pipeline::add(const char* factory, const std::string& name) { return add(make_element(factory, name)); }

GstElement* Pipeline::add(Ref<GstElement> element) {
    GstElement* raw = element.get();
    // The bin takes a reference of its own: `element` keeps and then drops ours.
    if (gst_bin_add(GST_BIN(element_.get()), raw) == FALSE)
        throw Error("pipeline {} already has an element named {}", name_of(element_.get()), name_of(raw));
    return raw;
}

void Pipeline::link(std::initializer_list<GstElement*> chain) {
    GstElement* previous = nullptr;
    for (GstElement* next : chain) {
        if (previous != nullptr && gst_element_link(previous, next) == FALSE)
            throw Error("cannot link {} to {}", name_of(previous), name_of(next));
        previous = next;
    }
}

void Pipeline::play() {
    if (gst_element_set_state(element_.get(), GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE) return;
    const auto message = Ref<GstMessage>::adopt(gst_bus_pop_filtered(bus().get(), GST_MESSAGE_ERROR));
    if (!message) throw Error("pipeline {} does not start", name_of(element_.get()));
    throw Error(error_text(message.get()));
}

std::string error_text(GstMessage* message) {
    glib::ErrorSlot error;
    char* raw_debug = nullptr;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
        gst_message_parse_error(message, error.out(), &raw_debug);
    else
        gst_message_parse_warning(message, error.out(), &raw_debug);
    const auto debug = own(raw_debug);
    std::string text = error.message();
    if (!debug) return text;
    // "file.c(123): function (): /GstPipeline:x/GstElement:y:\nwhat happened": only the last part is for people.
    const std::string_view details = debug.get();
    const auto newline = details.find('\n');
    if (newline != std::string_view::npos && newline + 1 < details.size())
        text += fmt::format(" ({})", details.substr(newline + 1));
    return text;
}

}  // namespace matriz::gst
