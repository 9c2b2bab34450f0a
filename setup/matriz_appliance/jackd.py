# SPDX-License-Identifier: GPL-3.0-or-later
"""matriz-jackd: keeps jackd running on the sound card of audio.conf, through unplugging and plugging in again.

jackd does not survive its card: it stays behind, deaf. So this waits for the card, starts jackd, and ends it when the
card goes or its hardware stands still.
"""
import argparse
import os
import select
import signal
import subprocess
import sys
import time

from . import alsa, audio_conf
from .notify import tell

LOOK = 0.25        # s between two looks at the card
ALIVE = 5.0        # s between two signs of life to the service manager
STUCK = 3.0        # s without progress of the hardware until jackd is started anew
PAUSE = 1.0        # s between a jackd that failed and the next


def say(text):
    print(text, flush=True)


class Keeper:
    def __init__(self, conf, root="/"):
        self._conf = conf
        self._root = root
        self._jackd = None
        self._card = None
        self._log = b""
        self._deaf = False       # jackd said that its driver stopped
        self._moved = 0.0        # when the hardware last moved
        self._positions = {}
        self._ready = False
        self._told = None
        self._ending = False
        self._next_start = 0.0
        self._next_alive = 0.0

    def end(self, *_):
        self._ending = True

    def run(self):
        while not self._ending:
            self._step()
            self._alive()
            self._listen(LOOK)
        tell("STOPPING=1")
        self._stop()
        return 0

    def plan(self):
        """What would be started now, for people."""
        card = alsa.choose(self._conf.device, self._root) if self._needs_card() else None
        if self._needs_card() and not card:
            return f"no sound card {self._conf.device} now; would wait for it"
        return " ".join(self._conf.jackd(card))

    def _needs_card(self):
        if self._conf.driver == "dummy":
            return self._conf.device not in ("auto", "")
        return alsa.is_card(self._conf.device)

    def _step(self):
        if self._jackd:
            # The one that runs: with "auto", another one that is plugged in might be chosen before it.
            self._watch(alsa.choose(self._card.device, self._root) if self._card else None)
            return
        card = alsa.choose(self._conf.device, self._root) if self._needs_card() else None
        if self._needs_card() and not card:
            self._status(f"waiting for the sound card {self._conf.device}"
                         + ("" if self._conf.device != "auto" else " (any USB card)"))
        elif time.monotonic() >= self._next_start:
            self._start(card)

    def _start(self, card):
        argv = self._conf.jackd(card)
        say(f"starting {' '.join(argv)}" + (f" on {card.describe()}" if card else ""))
        try:
            self._jackd = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                           stderr=subprocess.STDOUT)
        except OSError as error:
            self._status(f"cannot start jackd: {error}")
            self._next_start = time.monotonic() + PAUSE
            return
        os.set_blocking(self._jackd.stdout.fileno(), False)
        self._card, self._deaf, self._log, self._positions = card, False, b"", {}
        self._moved = time.monotonic()
        self._status(f"JACK \"{self._conf.server}\" at {self._conf.rate} Hz, {self._conf.period} frames"
                     + (f", on {card.describe()}" if card else ""))

    def _watch(self, card):
        now = time.monotonic()
        if self._jackd.poll() is not None:
            self._trouble(f"jackd ended with status {self._jackd.returncode}")
        elif self._card and card != self._card:
            self._trouble(f"the sound card {self._card.name} is gone" if not card or card.name != self._card.name
                          else f"the sound card {card.name} was plugged in anew")
        elif self._deaf:
            self._trouble("jackd stopped its driver")
        elif self._card:
            positions = alsa.positions(self._card, self._root)
            if positions and positions != self._positions:
                self._positions, self._moved = positions, now
            elif self._positions and now > self._moved + STUCK:
                self._trouble(f"the sound card {self._card.name} stands still")

    def _trouble(self, what):
        say(f"{what}; starting jackd again when its card is there")
        self._stop()
        self._next_start = time.monotonic() + PAUSE

    def _stop(self):
        if not self._jackd:
            return
        self._jackd.terminate()
        try:
            self._jackd.wait(2)
        except subprocess.TimeoutExpired:
            self._jackd.kill()  # it may hang in the driver of a card that is gone
            self._jackd.wait()
        self._listen(0)
        self._jackd.stdout.close()
        self._jackd = None

    def _listen(self, seconds):
        """Passes on what jackd says, for at most `seconds`."""
        if not self._jackd:
            if seconds:
                time.sleep(seconds)
            return
        if not select.select([self._jackd.stdout], [], [], seconds)[0]:
            return
        chunk = self._jackd.stdout.read()
        if not chunk:  # the end: poll() will tell why
            time.sleep(seconds)
            return
        self._log += chunk
        *lines, self._log = self._log.split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").rstrip()
            if text:
                say(text)
            self._deaf = self._deaf or "error, stopping" in text

    def _status(self, text):
        lines = [f"STATUS={text}"]
        if not self._ready:
            # Also without a card: what is ordered after this must not wait for one.
            lines.append("READY=1")
            self._ready = True
        if text != self._told:
            tell(*lines)
            say(text)
        self._told = text

    def _alive(self):
        now = time.monotonic()
        if now >= self._next_alive:
            tell("WATCHDOG=1")
            self._next_alive = now + ALIVE


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="matriz-jackd", description="Keeps jackd running on the sound card of /etc/matriz/audio.conf, through "
        "unplugging and plugging in again. Runs in the foreground, as matriz-jackd.service does.")
    parser.add_argument("--config", metavar="FILE", help="read this instead of /etc/matriz/audio.conf")
    parser.add_argument("--root", metavar="DIR", default="/", help="look for sound cards and config below DIR")
    parser.add_argument("--check", action="store_true", help="check the config, print what would be started, and end")
    options = parser.parse_args(argv)
    try:
        conf = audio_conf.load(options.config or os.path.join(options.root, audio_conf.PATH))
    except (audio_conf.Bad, OSError) as error:
        print(f"matriz-jackd: {error}", file=sys.stderr)
        return 2
    keeper = Keeper(conf, options.root)
    if options.check:
        print(keeper.plan())
        return 0
    signal.signal(signal.SIGTERM, keeper.end)
    signal.signal(signal.SIGINT, keeper.end)
    return keeper.run()
