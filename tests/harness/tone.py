# SPDX-License-Identifier: GPL-3.0-or-later
"""A steady tone into a JACK port, and what tone comes out of one: by stock GStreamer, for what jack_probe cannot meet."""
import os

from .jack import ENVIRONMENT
from .process import Process
from .sound import read_wav, strongest
from .wait import wait_for


def _environment(jack):
    return {**ENVIRONMENT, "JACK_DEFAULT_SERVER": jack.name}


class Tone:
    """A sine of `hertz` into `ports`, from now until stop()."""

    def __init__(self, folder, jack, ports, hertz, name="tone"):
        self.process = Process(name, [
            "gst-launch-1.0", "-q", "audiotestsrc", "is-live=true", f"freq={hertz}", "volume=0.3", "!",
            "audio/x-raw,channels=1,rate=48000", "!", "jackaudiosink", "name=play", f"client-name={name}", "connect=0"],
            os.path.join(folder, f"{name}.log"), env=_environment(jack))
        source = f"{name}:out_play_1"
        jack.wait_ports(source, *ports)
        for port in ports:
            jack.connect(source, port)

    def stop(self):
        self.process.stop()


def listen(stage, jack, port, seconds=1, name="listen"):
    """(hertz, dBFS) of the strongest tone that comes out of a JACK port in so many seconds."""
    path = os.path.join(stage.folder, f"{name}.wav")
    process = Process(name, [
        "gst-launch-1.0", "-q", "-e", "jackaudiosrc", "name=hear", f"client-name={name}", "connect=0", "!",
        "audio/x-raw,channels=1", "!", "audioconvert", "!", "audio/x-raw,format=S16LE,rate=48000", "!",
        "audiobuffersplit", "output-buffer-duration=1/50", "!", "identity", f"eos-after={round(50 * seconds) + 25}", "!",
        "wavenc", "!", "filesink", f"location={path}"], os.path.join(stage.folder, f"{name}.log"), env=_environment(jack))
    try:
        jack.wait_ports(f"{name}:in_hear_1", port)
        jack.connect(port, f"{name}:in_hear_1")
        wait_for(lambda: not process.running(), 15 + seconds, "the recording to end")
    finally:
        process.stop()
    rate, _, samples = read_wav(path)
    os.unlink(path)
    return strongest(samples[len(samples) // 3:], rate)  # the first of it may be from before it was connected
