// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <initializer_list>
#include <string>

#include "node/gst/ref.hpp"

namespace matriz::gst {

/// Makes an element; throws Error naming the Debian package that brings it when it is missing. `name` empty: GStreamer
/// chooses. The reference returned is a strong one (not floating).
Ref<GstElement> make_element(const char* factory, const std::string& name = {});

/// Sets a property from its text form, as gst-launch does: for enumerations and flags by their nicks.
void set_from_text(GstElement* element, const char* property, const char* text);

/// A GstPipeline that goes to NULL when it ends; its streaming threads have real-time priority where that is allowed.
/// Made, changed and destroyed on one thread; going to NULL waits for the streaming threads, so never destroy it from
/// one of them.
class Pipeline {
  public:
    explicit Pipeline(const std::string& name);
    Pipeline(Pipeline&&) = default;
    Pipeline& operator=(Pipeline&&) = delete;
    ~Pipeline();

    /// Makes an element in the pipeline, which keeps it: the pointer is valid as long as the pipeline.
    GstElement* add(const char* factory, const std::string& name = {});
    GstElement* add(Ref<GstElement> element);
    /// Links in order. Throws Error with the two names that do not fit.
    static void link(std::initializer_list<GstElement*> chain);

    /// Throws Error with the element's own words when the change fails at once; a live pipeline may still fail later,
    /// on its bus.
    void play();
    /// To READY: the data has stopped, the elements are there.
    void halt();
    /// To NULL, as its end does.
    void stop();

    GstElement* element() const { return element_.get(); }
    Ref<GstBus> bus() const { return Ref<GstBus>::adopt(gst_element_get_bus(element_.get())); }

  private:
    void lower(GstState state);

    Ref<GstElement> element_;
};

/// The sentence of an ERROR or WARNING message, with the element's debug details when they say more.
std::string error_text(GstMessage* message);

}  // namespace matriz::gst
