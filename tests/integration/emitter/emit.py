# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe `emit`, which runs an emitter alone, and who plays what it sends."""
import json
import os
import signal
import socket
import subprocess

import numpy

from harness.case import StageCase
from harness.jack import ENVIRONMENT
from harness.process import Process
from harness.programs import BUILD
from harness.rtsp import Rtsp
from harness.wait import wait_for

EMIT = os.path.join(BUILD, "tests", "probes", "emit")


def start(stage, jack, *options, name="matriz", like=None, port=None, env=None, space=None):
    """`like`: an Emit whose ports it takes over. `space`: the network namespace that it is in."""
    port = port or (like.port if like else stage.block.take())
    return Emit(stage, jack.name, port, like.udp if like else stage.block.take_range(20), options, name, env or {},
                space)


class Emit:
    def __init__(self, stage, server, port, udp, options, name, env, space=None):
        self.name = name
        self.port = port
        self.udp = udp
        argv = [EMIT, "--jack-server", server, "--jack-client", name, "--port", port, "--udp", f"{udp[0]}-{udp[1]}", *options]
        self.process = Process(f"emit-{name}-{port}", space.on(argv) if space else argv, os.path.join(stage.folder, f"emit-{name}-{port}.log"),
                               env={**ENVIRONMENT, **env}, stdin=subprocess.PIPE)
        stage.defer(self.process.stop)

    def rtsp(self, host="127.0.0.1", **how):
        """A client that speaks RTSP by hand."""
        return Rtsp(self.port, host, **how)

    def url(self, host="127.0.0.1"):
        return f"rtsp://[{host}]:{self.port}/stream" if ":" in host else f"rtsp://{host}:{self.port}/stream"

    def send_port(self, channel=1):
        return f"{self.name}-send:in_send_{channel}"

    def statuses(self):
        found = []
        for line in self.process.log().splitlines():
            at = line.find("{")
            if at >= 0 and line.endswith("}"):
                found.append(json.loads(line[at:]))
        return found

    def say(self, line):
        """Gives a command; returns the status that answers it."""
        before = len(self.statuses())
        self.process.popen.stdin.write(line.encode() + b"\n")
        self.process.popen.stdin.flush()
        return wait_for(lambda: len(self.statuses()) > before and self.statuses()[-1], 10, "emit to answer")

    def status(self):
        return self.say("status")

    def wait_capturing(self, value=True):
        return wait_for(lambda: (s := self.status())["capturing"] == value and s, 20, f"capturing to be {value}")

    def wait_listeners(self, count, timeout=15):
        return wait_for(lambda: len((s := self.status())["listeners"]) == count and s, timeout, f"{count} listeners")


def tone(stage, jack, emit, name="tone", channels=2):
    """Plays 1 kHz at -6 dB into every sending port."""
    process = stage.process(name, [
        "gst-launch-1.0", "audiotestsrc", "freq=1000", "volume=0.5", "is-live=true", "!", f"audio/x-raw,channels={channels}", "!",
        "jackaudiosink", f"client-name={name}", "name=out", "connect=none", f"server={jack.name}"], env=ENVIRONMENT)
    sources = [f"{name}:out_out_{channel}" for channel in range(1, channels + 1)]
    jack.wait_ports(*sources)
    for channel, source in enumerate(sources, 1):
        jack.connect(source, emit.send_port(channel))
    return process


def level(samples):
    """Root mean square, dB."""
    rms = float(numpy.sqrt(numpy.mean(numpy.square(samples, dtype=numpy.float64)))) if len(samples) else 0.0
    return 20 * numpy.log10(max(rms, 1e-9))


def frequency(samples, rate=48000):
    spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    return float(numpy.argmax(spectrum)) * rate / len(samples)


def with_ffmpeg(url, transport, seconds=1.5, channels=2):
    """Plays for a while; one row of samples for each channel."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", url, "-t", str(seconds), "-f", "f32le",
         "-ac", str(channels), "-ar", "48000", "-"], stdin=subprocess.DEVNULL, capture_output=True, timeout=40, check=True)
    return numpy.frombuffer(done.stdout, dtype=numpy.float32).reshape(-1, channels).T


def with_gstreamer(stage, url, transport, seconds=1.5, channels=2):
    path = os.path.join(stage.folder, f"gst-{transport}.raw")
    player = stage.process(f"gst-{transport}", [
        "gst-launch-1.0", "-q", "rtspsrc", f"location={url}", f"protocols={transport}", "latency=0", "!", "rtpopusdepay", "!",
        "opusdec", "!", "audioconvert", "!", f"audio/x-raw,format=F32LE,rate=48000,channels={channels}", "!", "filesink",
        "buffer-mode=unbuffered", f"location={path}"])
    wanted = int(seconds * 48000) * channels * 4
    wait_for(lambda: os.path.getsize(path) >= wanted, 20, "gst-launch to play")
    player.signal(signal.SIGINT)
    player.wait_exit()
    raw = numpy.fromfile(path, dtype=numpy.float32)
    return raw[:len(raw) // channels * channels].reshape(-1, channels).T


class ToneCase(StageCase):
    def assert_tone(self, channels):
        for samples in channels:
            self.assertGreater(len(samples), 24000)
            end = samples[-24000:]
            self.assertAlmostEqual(frequency(end), 1000, delta=5)
            self.assertAlmostEqual(level(end), -9, delta=1)


def has_ipv6():
    """Does this machine's loopback speak it?"""
    with socket.socket(socket.AF_INET6) as one:
        try:
            one.bind(("::1", 0))
        except OSError:
            return False
        return True
