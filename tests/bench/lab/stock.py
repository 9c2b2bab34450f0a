# SPDX-License-Identifier: GPL-3.0-or-later
"""Stock GStreamer both ways: the original Matriz's chains as shipped, and the same elements tuned."""
import os

from harness.programs import BUILD
from harness.wait import wait_for

from .system import System

RTSP_SOURCE = os.path.join(BUILD, "tests", "bench", "stock", "rtsp_source")


def receiving_chain(location, client, latency, sink, name="out"):
    """`name` ends up in the JACK ports' names: <client>:out_<name>_1."""
    return ["gst-launch-1.0", "-q", "rtspsrc", f"location={location}", f"latency={latency}", "!", "rtpopusdepay", "!", "opusdec",
            "!", "audioconvert", "!", "audioresample", "!", "jackaudiosink", f"name={name}", f"client-name={client}",
            "connect=0", *sink]


class Stock(System):
    programs = ("gst-launch-1.0",)
    rival = "opus"
    transport = "RTSP/UDP"

    def __init__(self, key, label, source, encoder, latency, sink, realtime=False):  # pylint: disable=too-many-arguments
        self.key = key
        self.label = label
        self.source = source
        self.encoder = encoder
        self.latency = latency
        self.sink = sink
        self.realtime = realtime

    def start(self, lab, a, b):
        # The capture exists only while somebody listens: first both servers, then both listeners.
        ports = {a.name: "8564", b.name: "8574"}
        for end in (a, b):
            launch = (f"( jackaudiosrc name=send client-name={end.name}-send connect=0 {self.source} ! "
                      f"audio/x-raw,channels=2 ! audioconvert ! audioresample ! opusenc {self.encoder} ! rtpopuspay name=pay0 )")
            server = lab.spawn(f"rtsp-{end.name}", end, [RTSP_SOURCE, ports[end.name], launch], realtime=self.realtime)
            server.wait_log("listening")
        for here, there in ((a, b), (b, a)):
            location = f"rtsp://{lab.address(here)}:{ports[here.name]}/stream"
            lab.spawn(f"listen-{there.name}", there, receiving_chain(location, there.name, self.latency, self.sink),
                      realtime=self.realtime)
            here.send = [f"{here.name}-send:in_send_1", f"{here.name}-send:in_send_2"]
            there.receive = f"{there.name}:out_out_1"


STOCK = (
    Stock("original", "original Matriz (stock GStreamer as shipped)", "", "", 0, []),
    Stock("tuned", "stock GStreamer, tuned, real-time priority", "buffer-time=5333 latency-time=1333",
          "frame-size=2.5 bitrate=128000 audio-type=restricted-lowdelay", 5, ["buffer-time=5333", "latency-time=1333"], realtime=True),
)


class EightStock(System):
    """What one matriz node is compared with in CPU; the runner starts it."""

    key = "eight-stock"
    label = "eight stock chains (rtspsrc ! opusdec ! jackaudiosink)"
    programs = ("gst-launch-1.0",)
    rival = "opus"
    transport = "RTSP/UDP"
    only = "cpu"


def serve_tone(lab, end, ports):
    """A steady tone as Opus, 2.5 ms frames, stereo, on each port: the sender of the CPU measurement."""
    for port in ports:
        server = lab.spawn(f"tone-{port}", end, [RTSP_SOURCE, str(port), (
            "( audiotestsrc is-live=true samplesperbuffer=120 volume=0.1 ! audio/x-raw,rate=48000,channels=2 ! audioconvert ! "
            "opusenc frame-size=2.5 bitrate=128000 audio-type=restricted-lowdelay ! rtpopuspay name=pay0 )")])
        server.wait_log("listening")


def eight_chains(lab, end, locations):
    """A stock chain for each location, on one end; waits for their JACK ports."""
    for n, location in enumerate(locations):
        lab.spawn(f"stock-{n}", end, receiving_chain(location, f"stock{n}", 5, ["buffer-time=5333", "latency-time=1333"]))
    wait_for(lambda: all(f"stock{n}:out_out_1" in end.jack.ports() for n in range(len(locations))), 30, "eight stock chains")
