// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/warm_media.hpp"

#include <utility>

#include "node/emitter/media_factory.hpp"

namespace matriz::emitter {
namespace {

bool is_prepared(GstRTSPMedia* media) {
    const GstRTSPMediaStatus status = gst_rtsp_media_get_status(media);
    return status == GST_RTSP_MEDIA_STATUS_PREPARED || status == GST_RTSP_MEDIA_STATUS_SUSPENDED;
}

/// A message sent to anybody is what makes the stream's sending thread look again. So somebody is added, which cannot
/// be sent anything, and taken away again; "its message is sent".
void wake_stream(GstRTSPStream* stream) {
    GstRTSPTransport* way = nullptr;
    gst_rtsp_transport_new(&way);
    way->lower_transport = GST_RTSP_LOWER_TRANS_TCP;
    const auto nobody = gst::Ref<GstRTSPStreamTransport>::adopt(gst_rtsp_stream_transport_new(stream, way));
    gst_rtsp_stream_add_transport(stream, nobody.get());
    gst_rtsp_stream_remove_transport(stream, nobody.get());
    gst_rtsp_stream_transport_message_sent(nobody.get());
}

}  // namespace

WarmMedia::WarmMedia(gst::Ref<GstRTSPServer> server, gst::Ref<GstRTSPMediaFactory> factory,
                     std::shared_ptr<Offer> offer)
    : server_(std::move(server)), factory_(std::move(factory)), offer_(std::move(offer)) {}

void WarmMedia::keep() {
    if (offer_->main().packets() == 0) return;  // preparing waits for the first packet
    if (medias_.empty()) {
        const std::string usual = offer_->usual_query();
        medias_[offer_->choose(usual.c_str()).key()].query = usual;
        // Any other player's, unless that would keep another encoder busy for nobody.
        if (offer_->encodings().size() == 1) medias_[offer_->choose(nullptr).key()].query = {};
    }
    warm_ = true;
    for (auto& [key, entry] : medias_) {
        if (entry.media && is_prepared(entry.media.get())) continue;
        if (entry.media) {
            log_.warning("the RTSP media failed; making a new one");
            gst_rtsp_media_unprepare(entry.media.get());
        }
        prepare(entry);
        if (!entry.media) warm_ = false;
    }
}

void WarmMedia::prepare(Media& entry) {
    entry.media.reset();
    GstRTSPUrl* url = nullptr;
    const std::string text = "rtsp://127.0.0.1/stream" + (entry.query.empty() ? "" : "?" + entry.query);
    if (gst_rtsp_url_parse(text.c_str(), &url) != GST_RTSP_OK) return;
    auto media = gst::Ref<GstRTSPMedia>::adopt(gst_rtsp_media_factory_construct(factory_.get(), url));
    gst_rtsp_url_free(url);
    if (!media) return;
    const auto threads = gst::Ref<GstRTSPThreadPool>::adopt(gst_rtsp_server_get_thread_pool(server_.get()));
    GstRTSPThread* thread = gst_rtsp_thread_pool_get_thread(threads.get(), GST_RTSP_THREAD_TYPE_MEDIA, nullptr);
    if (gst_rtsp_media_prepare(media.get(), thread) != FALSE) entry.media = std::move(media);
}

void WarmMedia::add(const GstRTSPUrl* url) {
    const bool fresh =
        medias_.try_emplace(offer_->choose(url->query).key(), Media{url->query ? url->query : "", {}}).second;
    if (fresh) keep();
}

void WarmMedia::wake() {
    for (auto& [key, entry] : medias_) {
        if (!entry.media || !is_prepared(entry.media.get())) continue;
        // Who listens over UDP has a way of its own by now, with a queue on each.
        const auto element = gst::Ref<GstElement>::adopt(gst_rtsp_media_get_element(entry.media.get()));
        const auto pipeline = gst::Ref<GstObject>::adopt(gst_object_get_parent(GST_OBJECT(element.get())));
        if (pipeline) let_tcp_drop(GST_BIN(pipeline.get()), false);
        for (guint i = 0; i < gst_rtsp_media_n_streams(entry.media.get()); ++i)
            wake_stream(gst_rtsp_media_get_stream(entry.media.get(), i));
    }
}

void WarmMedia::release() {
    for (auto& [key, entry] : medias_)
        if (entry.media) gst_rtsp_media_unprepare(entry.media.get());
    medias_.clear();
    warm_ = false;
}

}  // namespace matriz::emitter
