# SPDX-License-Identifier: GPL-3.0-or-later
"""Sound that JACK loses at the sender leaves a gap in the packets' times, so that what follows is no later than what came before."""
import signal
import socket
import time

import emit as probe
from harness.case import StageCase, main
from harness.wait import NotReached, wait_for

RATE = 48000
LOST = 0.2  # seconds; JACK gives up clients after half a second
NEAR = 0.02  # seconds; what else the machine does costs some, and is told of as well
STORM = 40  # xruns in a row of a few seconds, of which each loses too little to be told


class LostTimeTest(StageCase):
    watchdog_seconds = 120

    def play(self, codec):
        """Starts a sender, and a listener that notes how late packets are."""
        self.jack = self.stage.jack(period=64)
        self.emit = probe.start(self.stage, self.jack, "--codec", codec)
        self.emit.wait_capturing()
        player = self.player = self.emit.rtsp()
        self.stage.defer(player.close)
        if codec != "opus":
            player.url += f"?codecs={codec}&rate={RATE}&period=64"
        port, _ = self.stage.block.take_range(2)
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for offset, one in enumerate(self.sockets):
            self.stage.defer(one.close)
            one.bind(("127.0.0.1", port + offset))
            one.settimeout(10)
        player.play(f"RTP/AVP;unicast;client_port={port}-{port + 1}")
        self.first = None

    def lateness(self):
        """Seconds from a packet's time to its arrival, at the least of half a second of packets; only differences mean something."""
        self.player.ask("GET_PARAMETER")  # still here
        found = []
        until = None
        while until is None or time.monotonic() < until:
            packet = self.sockets[0].recv(2048)
            now = time.monotonic()
            until = until or now + 0.5
            stamp = int.from_bytes(packet[4:8], "big")
            self.first = stamp if self.first is None else self.first
            found.append(now - ((stamp - self.first + 2**31) % 2**32 - 2**31) / RATE)
        return min(found)

    def lose(self, process):
        process.signal(signal.SIGSTOP)
        try:
            time.sleep(LOST)
        finally:
            process.signal(signal.SIGCONT)

    def assert_told(self, whose):
        for _ in range(3):
            before, xruns = self.lateness(), self.xruns()
            self.lose(whose)
            self.lateness()  # of the packets that were on their way, too
            try:
                wait_for(lambda: abs(self.lateness() - before) < NEAR, 15, "packets to be as late as before")
            except NotReached:
                if self.xruns() - xruns > STORM:
                    self.skipTest("JACK loses time here all along")
                raise

    def xruns(self):
        return self.jack.process.log().count("XRun")

    def test_the_server_stands_still(self):
        for codec in ("pcm16", "opus-custom", "opus"):
            with self.subTest(codec=codec):
                self.play(codec)
                self.assert_told(self.jack.process)
                self.emit.process.stop()
                self.jack.stop()

    def test_the_sender_is_passed_over(self):
        self.play("pcm16")
        self.assert_told(self.emit.process)


if __name__ == "__main__":
    main()
