# SPDX-License-Identifier: GPL-3.0-or-later
"""A private JACK server with the dummy driver, and a hand in its patching (jack_hand.py)."""
import contextlib
import fcntl
import itertools
import json
import os
import re
import select
import subprocess
import sys

from .process import Process
from .wait import NotReached, PATIENCE, wait_for

# Nothing may start a server by itself, and none may reserve a sound card over D-Bus.
ENVIRONMENT = {"JACK_NO_START_SERVER": "1", "JACK_NO_AUDIO_RESERVATION": "1"}
_serial = itertools.count(1)
_killed = set()  # names of our own servers that a test killed and may start again


def may_be_realtime():
    """May a process started by us have real-time priority 70?"""
    tried = subprocess.run(["chrt", "-f", "70", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return tried.returncode == 0


def _dead_servers():
    """Names of JACK servers that were killed: each keeps one of the eight places that JACK has for servers.

    Not those that a running harness killed: it may be about to start them again.
    """
    try:
        with open("/dev/shm/jack-shm-registry", "rb") as registry:
            content = registry.read()
    except OSError:
        return []
    found = re.findall(rb"(....)jack-\d+:([^\0:]+):\0", content, re.DOTALL)
    dead = [name.decode() for pid, name in found if not os.path.exists(f"/proc/{int.from_bytes(pid, 'little')}")]
    return [name for name in dead if not _may_return(name)]


def _may_return(name):
    owner = re.match(r"matriz-(\d+)-", name)
    if owner and int(owner.group(1)) == os.getpid():
        return name in _killed
    return owner and os.path.exists(f"/proc/{owner.group(1)}")


@contextlib.contextmanager
def _alone():
    """JACK's registry of servers takes it badly when several start and clean up at once."""
    lock = os.open("/dev/shm", os.O_RDONLY | os.O_DIRECTORY)  # where that registry is; the lock leaves no file behind
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def reclaim_dead_servers(folder):
    """A server that starts under a dead one's name takes its place, and gives it back when it ends in order.

    A place that cannot be had back in time is no fault of the test that only wants to start a server of its own.
    """
    for name in _dead_servers():
        server = Process("reclaim", ["jackd", "-n", name, "-r", "-d", "dummy"], os.path.join(folder, "reclaim.log"), env=ENVIRONMENT)
        try:
            with contextlib.suppress(NotReached):
                wait_for(lambda n=name, s=server: n not in _dead_servers() or not s.running(), 15)
        finally:
            server.stop()


class Hand:
    """jack_hand.py at work on one server."""

    def __init__(self, server):
        self._process = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(__file__), "jack_hand.py"), server],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                         env={**os.environ, **ENVIRONMENT}, start_new_session=True)
        self._rest = b""
        try:
            self._read()
        except OSError:
            self.close()
            raise

    def _read(self):
        out = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            # A server that is going away can leave its clients waiting.
            if not select.select([out], [], [], 10 * PATIENCE)[0]:
                raise OSError("JACK does not answer")
            more = os.read(out, 65536)
            if not more:
                raise OSError("there is no JACK server")
            self._rest += more
        line, self._rest = self._rest.split(b"\n", 1)
        return json.loads(line)

    def ask(self, request):
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        try:
            self._process.stdin.close()
        except OSError:
            pass  # what was not written yet cannot be


class Jack:
    def __init__(self, folder, rate=48000, period=64, name=None):
        self.folder = folder
        self.rate = rate
        self.period = period
        self.name = name or f"matriz-{os.getpid()}-{next(_serial)}"
        self.process = None
        self._realtime = may_be_realtime()
        self._hand = None

    def start(self):
        """Starts jackd and waits until clients can connect."""
        priority = ["-R", "-P70"] if self._realtime else ["-r"]
        with _alone():
            reclaim_dead_servers(self.folder)
            self.process = Process(
                "jackd", ["jackd", "-n", self.name, *priority, "-d", "dummy", "-r", self.rate, "-p", self.period],
                os.path.join(self.folder, "jackd.log"), env=ENVIRONMENT)
            wait_for(self._answers, 20, "jackd to take clients")
        _killed.discard(self.name)
        return self

    def _answers(self):
        if not self.process.running():
            raise AssertionError(f"jackd ended with {self.process.popen.returncode}: {self.process.log()[-2000:]}")
        return "system:capture_1" in self.ports()

    def stop(self):
        self._let_go()
        if self.process:
            self.process.stop()
            self.process = None

    def kill(self):
        _killed.add(self.name)
        self._let_go()
        self.process.kill()
        self.process = None

    def _ask(self, *request):
        """The hand's answer; OSError while there is no server to answer."""
        try:
            if self._hand is None:
                self._hand = Hand(self.name)
            return self._hand.ask(request)
        except OSError:
            self._let_go()
            raise

    def _ask_firmly(self, *request):
        """The same, asked by a new hand if the first gets no answer though the server runs: either may have been late."""
        try:
            return self._ask(*request)
        except OSError:
            if not self.process or not self.process.running():
                raise
            return self._ask(*request)

    def _let_go(self):
        if self._hand:
            self._hand.close()
            self._hand = None

    def ports(self):
        """The names of all ports now; empty while there is no server."""
        try:
            return self._ask_firmly("ports")
        except OSError:
            return []

    def connections(self):
        """{port: [connected ports]} for all ports."""
        try:
            return self._ask_firmly("connections")
        except OSError:
            return {}

    def wait_ports(self, *names, timeout=15.0):
        wait_for(lambda: set(names) <= set(self.ports()), timeout, f"the JACK ports {', '.join(names)}")

    def connected(self, source, target):
        return target in self.connections().get(source, [])

    def connect(self, source, target):
        if not self._ask_firmly("connect", source, target):
            raise AssertionError(f"JACK does not connect {source} to {target}")

    def disconnect(self, source, target):
        self._ask_firmly("disconnect", source, target)
