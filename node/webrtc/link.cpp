// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/webrtc/link.hpp"

#include <utility>

#include "common/base/error.hpp"
#include "node/gst/init.hpp"
#include "node/gst/ref.hpp"
#include "node/webrtc/life.hpp"

namespace matriz::webrtc {
namespace {

LinkConfig checked(LinkConfig config) {
    const auto clean = identity::clean_fingerprint(config.fingerprint);
    if (!clean) throw Error("the fingerprint of {}, \"{}\", is none", config.peer, config.fingerprint);
    if (config.identity == nullptr || !config.signal) throw Error("a link needs an identity and a way to signal");
    config.fingerprint = *clean;
    return config;
}

}  // namespace

void prepare() {
    gst::initialise();
    // Each brings a library into memory, and dtlsdec its key. What is missing is said when a connection needs it.
    for (const char* name : {"dtlsdec", "webrtcbin", "nicesrc", "srtpdec", "sctpdec", "rtpbin", "matrizjacksink"})
        gst::Ref<GstElement>::sink(gst_element_factory_make(name, nullptr));
}

Link::Link(LinkConfig config) {
    gst::initialise();
    life_ = std::make_unique<Life>(checked(std::move(config)));
}

Link::~Link() = default;

void Link::stop() { life_->stop(); }

void Link::receive(Json::Value body) { life_->receive(body); }

void Link::refresh(std::string reason) { life_->refresh(std::move(reason)); }

LinkStatus Link::status() const { return life_->status(); }

}  // namespace matriz::webrtc
