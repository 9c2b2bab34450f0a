// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/receiver/srtp_keys.hpp"

#include <gst/sdp/gstmikey.h>

#include <memory>
#include <string_view>
#include <utility>

namespace matriz::receiver {
namespace {

struct Unref {
    void operator()(GstMIKEYMessage* message) const { gst_mikey_message_unref(message); }
};
using Mikey = std::unique_ptr<GstMIKEYMessage, Unref>;

/// Null when the stream has none, or none that is understood.
Mikey mikey_of(const GstSDPMedia* media) {
    constexpr std::string_view protocol = "mikey ";
    const char* value = gst_sdp_media_get_attribute_val(media, "key-mgmt");
    if (value == nullptr || !std::string_view(value).starts_with(protocol)) return nullptr;
    gsize size = 0;
    guchar* bytes = g_base64_decode(value + protocol.size(), &size);
    Mikey message(gst_mikey_message_new_from_data(bytes, size, nullptr, nullptr));
    g_free(bytes);
    return message;
}

}  // namespace

void SrtpKeys::take(const GstSDPMessage* description) {
    gst::Ref<GstCaps> key;
    std::map<std::uint32_t, std::uint32_t> rollovers;
    for (guint i = 0; i < gst_sdp_message_medias_len(description) && !key; ++i) {
        const Mikey message = mikey_of(gst_sdp_message_get_media(description, i));
        if (!message) continue;
        auto caps = gst::Ref<GstCaps>::adopt(gst_caps_new_empty_simple("application/x-srtp"));
        if (gst_mikey_message_to_caps(message.get(), caps.get()) == FALSE) continue;
        key = std::move(caps);
        for (guint n = 0; n < gst_mikey_message_get_n_cs(message.get()); ++n)
            if (const auto* session = gst_mikey_message_get_cs_srtp(message.get(), n); session != nullptr)
                rollovers[session->ssrc] = session->roc;
    }
    const std::lock_guard lock(mutex_);
    key_ = std::move(key);
    rollovers_ = std::move(rollovers);
}

gst::Ref<GstCaps> SrtpKeys::caps_for(std::uint32_t ssrc) const {
    gst::Ref<GstCaps> caps;
    {
        const std::lock_guard lock(mutex_);
        if (!key_) return {};
        caps = gst::Ref<GstCaps>::adopt(gst_caps_copy(key_.get()));
    }
    add_rollover(caps.get(), ssrc);
    return caps;
}

void SrtpKeys::add_rollover(GstCaps* caps, std::uint32_t ssrc) const {
    const std::lock_guard lock(mutex_);
    if (const auto found = rollovers_.find(ssrc); found != rollovers_.end())
        gst_caps_set_simple(caps, "roc", G_TYPE_UINT, guint{found->second}, nullptr);
}

void SrtpKeys::give_to(GstElement* decoder) {
    if (!caps_for(0)) return;
    // When the answer to SETUP has the SSRC, rtspsrc puts the key into the packets' caps; otherwise srtpdec asks for
    // it.
    const auto pad = gst::Ref<GstPad>::adopt(gst_element_get_static_pad(decoder, "rtp_sink"));
    gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_event, this, nullptr);
    // After rtspsrc's own handler: what the last one says counts.
    g_signal_connect_after(decoder, "request-key", G_CALLBACK(on_request_key), this);
}

GstPadProbeReturn SrtpKeys::on_event(GstPad*, GstPadProbeInfo* info, gpointer data) noexcept {
    GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
    if (GST_EVENT_TYPE(event) != GST_EVENT_CAPS) return GST_PAD_PROBE_OK;
    GstCaps* caps = nullptr;
    gst_event_parse_caps(event, &caps);
    guint ssrc = 0;
    if (gst_structure_get_uint(gst_caps_get_structure(caps, 0), "ssrc", &ssrc) == FALSE) return GST_PAD_PROBE_OK;
    const auto& self = *static_cast<const SrtpKeys*>(data);
    const auto whole = gst::Ref<GstCaps>::adopt(gst_caps_copy(caps));
    self.add_rollover(whole.get(), ssrc);
    gst_event_unref(event);
    GST_PAD_PROBE_INFO_DATA(info) = gst_event_new_caps(whole.get());
    return GST_PAD_PROBE_OK;
}

GstCaps* SrtpKeys::on_request_key(GstElement*, guint ssrc, gpointer data) noexcept {
    return static_cast<const SrtpKeys*>(data)->caps_for(ssrc).release();
}

}  // namespace matriz::receiver
