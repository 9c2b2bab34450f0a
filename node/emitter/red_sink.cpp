// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/emitter/red_sink.hpp"

#include <utility>

#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "node/gst/mapped_buffer.hpp"
#include "plugins/dsp/rtp/packet.hpp"
#include "plugins/gst/rtp_caps.hpp"

namespace matriz::emitter {
namespace {

constexpr std::uint8_t red_payload_type = 100;

class RedSink : public PacketSink {
  public:
    RedSink(std::shared_ptr<PacketSink> next, std::shared_ptr<Offer> offer)
        : next_(std::move(next)), offer_(std::move(offer)) {}

    void push(GstCaps* caps, GstBuffer* packet) noexcept override {
        if (caps != plain_caps_.get()) take_caps(caps);
        if (!red_caps_) return;
        const gst::MappedBuffer plain(packet, GST_MAP_READ);
        if (!plain) return;
        auto wrapped = gst::Ref<GstBuffer>::adopt(gst_buffer_new_allocate(nullptr, dsp::max_rtp_size, nullptr));
        GstMapInfo map = GST_MAP_INFO_INIT;
        if (!wrapped || gst_buffer_map(wrapped.get(), &map, GST_MAP_WRITE) == FALSE) return;
        const std::size_t size =
            wrapper_.wrap(plain.as<std::uint8_t>(), offer_->redundancy().get(), {map.data, map.size});
        gst_buffer_unmap(wrapped.get(), &map);
        if (size == 0) return;
        gst_buffer_set_size(wrapped.get(), static_cast<gssize>(size));
        next_->push(red_caps_.get(), wrapped.get());
    }

  private:
    void take_caps(GstCaps* caps) noexcept {
        plain_caps_ = gst::Ref<GstCaps>::share(caps);
        red_caps_.reset();
        wrapper_ = dsp::RedWrapper(red_payload_type);
        try {
            red_caps_ = gst::Ref<GstCaps>::adopt(plugin::make_red_caps(caps, red_payload_type));
        } catch (const std::exception& error) {
            log::Logger("emitter").error("cannot offer RED packets: {}", describe(error));
        }
    }

    std::shared_ptr<PacketSink> next_;
    std::shared_ptr<Offer> offer_;
    dsp::RedWrapper wrapper_{red_payload_type};
    gst::Ref<GstCaps> plain_caps_;
    gst::Ref<GstCaps> red_caps_;
};

}  // namespace

std::shared_ptr<PacketSink> make_red_sink(std::shared_ptr<PacketSink> next, std::shared_ptr<Offer> offer) {
    return std::make_shared<RedSink>(std::move(next), std::move(offer));
}

}  // namespace matriz::emitter
