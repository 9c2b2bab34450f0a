# SPDX-License-Identifier: GPL-3.0-or-later
"""An emitter whose JACK goes away, hangs, changes, or passes it over: listeners stay, and hear silence meanwhile."""
import os
import re
import signal

import numpy

import emit as probe
from harness.case import StageCase, main
from harness.programs import run
from harness.wait import holds_for, wait_for


class JackGoes(StageCase):
    watchdog_seconds = 120

    def listen(self, emit, transport="udp"):
        path = os.path.join(self.stage.folder, "heard.raw")
        player = self.stage.process("listener", [
            "gst-launch-1.0", "-q", "rtspsrc", f"location={emit.url()}", f"protocols={transport}", "latency=0", "!", "rtpopusdepay", "!",
            "opusdec", "!", "audioconvert", "!", "audio/x-raw,format=F32LE,rate=48000,channels=2", "!", "filesink",
            "buffer-mode=unbuffered", f"location={path}"])

        def heard():
            """Level of the last 0.2 s."""
            with open(path, "rb") as raw:
                raw.seek(0, os.SEEK_END)
                raw.seek(max(0, raw.tell() // 8 * 8 - 9600 * 8))
                return probe.level(numpy.frombuffer(raw.read(9600 * 8), dtype=numpy.float32))

        wait_for(lambda: os.path.getsize(path) > 100000, 20, "the listener to play")
        return player, heard, lambda: os.path.getsize(path)

    def test_not_running_at_first(self):
        jack = self.stage.jack()
        jack.stop()
        emit = probe.start(self.stage, jack)
        emit.process.wait_log(rf'the JACK server "{jack.name}" does not run')
        self.assertFalse(emit.status()["capturing"])
        self.assertLess(probe.level(probe.with_ffmpeg(emit.url(), "udp", 0.5)[0]), -100)
        jack.start()
        emit.wait_capturing()
        jack.wait_ports(emit.send_port(1), emit.send_port(2))
        self.assertEqual(len(re.findall("does not run", emit.process.log().split('{"capturing"')[0])), 1)

    def test_crashes_and_comes_back_otherwise(self):
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack)
        emit.wait_capturing()
        probe.tone(self.stage, jack, emit)
        player, heard, size = self.listen(emit)
        before, = emit.wait_listeners(1)["listeners"]
        wait_for(lambda: heard() > -12, 10, "the tone")
        jack.kill()
        emit.wait_capturing(False)
        wait_for(lambda: heard() < -60, 10, "silence")
        grown = size()
        wait_for(lambda: size() > grown + 100000, 10, "the silence to go on")
        jack.rate, jack.period = 44100, 256
        jack.start()
        status = emit.wait_capturing()
        self.assertEqual((status["rate"], status["period"]), (44100, 256))
        probe.tone(self.stage, jack, emit, name="again")
        wait_for(lambda: heard() > -12, 10, "the tone again")
        self.assertTrue(player.running(), "the listener stayed")
        after, = emit.status()["listeners"]
        self.assertEqual(after["port"], before["port"], "in the same session")

    def test_joins_anew_before_periods_are_counted_beyond_31_bits(self):
        """But not while somebody plays, whom it would cost a moment."""
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack, "--renew-after", "1000")
        emit.wait_capturing()
        jack.connect("system:capture_1", emit.send_port(2))
        sound = probe.tone(self.stage, jack, emit)
        wait_for(lambda: emit.status()["packets"] > 1500, 20, "1000 periods")
        anew = "the capture joins JACK anew"
        holds_for(lambda: anew not in emit.process.log(), 12, "nobody to be interrupted")
        sound.stop()
        emit.process.wait_log(anew, timeout=30)
        emit.process.wait_log("(?s)joins JACK anew.*capturing from JACK")
        wait_for(lambda: jack.connected("system:capture_1", emit.send_port(2)), 10, "the connection to be there again")

    def test_jack_passes_the_capture_over(self):
        """A fault of libjack's: the server runs, and one client's thread is not woken any more."""
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack)
        emit.wait_capturing()
        player, heard, size = self.listen(emit)
        probe.tone(self.stage, jack, emit)
        wait_for(lambda: heard() > -12, 10, "the tone")
        emit.say("freeze")
        emit.process.wait_log("no longer calls", timeout=20)
        grown = size()
        wait_for(lambda: size() > grown + 100000, 20, "the stream to go on")
        wait_for(lambda: heard() > -12, 10, "the tone again, with the connections of before")
        self.assertTrue(emit.status()["capturing"])
        self.assertTrue(player.running())

    def test_hangs(self):
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack)
        emit.wait_capturing()
        player, heard, size = self.listen(emit)
        for _ in range(2):
            jack.process.signal(signal.SIGSTOP)
            self.assertRegex(emit.wait_capturing(False)["reason"], "JACK hangs")
            grown = size()
            wait_for(lambda before=grown: size() > before + 100000, 10, "silence")
            self.assertLess(heard(), -60)
            jack.process.signal(signal.SIGCONT)
            emit.wait_capturing()
        self.assertTrue(player.running())
        self.assertNotIn("already named", emit.process.log())

    def test_hangs_while_it_is_opened(self):
        jack = self.stage.jack()
        jack.process.signal(signal.SIGSTOP)
        emit = probe.start(self.stage, jack)
        wait_for(lambda: "JACK hangs" in emit.status()["reason"], 20, "the hang to be told")
        player, heard, size = self.listen(emit)
        for _ in range(2):
            grown = size()
            wait_for(lambda before=grown: size() > before + 400000, 10, "silence")
        self.assertLess(heard(), -60)
        jack.process.signal(signal.SIGCONT)
        emit.wait_capturing()
        grown = size()
        wait_for(lambda: size() > grown + 100000, 10, "the stream to go on")
        self.assertTrue(player.running())
        self.assertEqual(len(re.findall("JACK hangs", "".join(l for l in emit.process.log().splitlines() if "{" not in l))), 1)

    def test_hangs_as_soon_as_it_is_back(self):
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack)
        emit.wait_capturing()
        player, _, size = self.listen(emit)
        jack.kill()
        emit.wait_capturing(False)
        jack.start()
        jack.process.signal(signal.SIGSTOP)
        emit.process.wait_log("JACK hangs", 20)
        for _ in range(3):  # each 2 s of sound
            grown = size()
            wait_for(lambda before=grown: size() > before + 2 * 48000 * 8, 10, "silence")
        jack.process.signal(signal.SIGCONT)
        emit.wait_capturing()
        self.assertTrue(player.running())

    def test_name_taken(self):
        jack = self.stage.jack()
        first = probe.start(self.stage, jack)
        first.wait_capturing()
        second = probe.start(self.stage, jack)
        second.process.wait_log(r'another JACK client is already named "matriz-send"')
        first.process.stop()
        second.wait_capturing()

    def test_period_changes(self):
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack)
        emit.wait_capturing()
        if run(["which", "jack_bufsize"]).returncode != 0:
            self.skipTest("there is no jack_bufsize")
        run(["jack_bufsize", "256"], env={**os.environ, "JACK_DEFAULT_SERVER": jack.name})
        wait_for(lambda: (s := emit.status())["capturing"] and s["period"] == 256, 20, "capturing at 256 frames")


if __name__ == "__main__":
    main()
