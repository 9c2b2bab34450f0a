# SPDX-License-Identifier: GPL-3.0-or-later
"""The owner of everything a test or a demo starts: one folder, ended in reverse order, whatever happens."""
import os
import shutil
import signal
import sys
import tempfile

from . import ports
from .jack import Jack
from .probe import Probe
from .process import Process, tail
from .programs import ConfigServer, Node


class Stage:
    """Use as a context manager. Programs started through it are stopped, in reverse order, when it is left."""

    def __init__(self, label="matriz"):
        # Short: socket paths have a limit of 107 bytes.
        self.folder = tempfile.mkdtemp(prefix=f"{label}-", dir=tempfile.gettempdir())
        self.block = ports.reserve()
        self._ends = []
        self._watched = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def defer(self, end):
        """end() is called when the stage is closed."""
        self._ends.append(end)

    def close(self):
        # A second signal must not cut the cleaning short.
        previous = [(number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGINT, signal.SIGTERM)]
        while self._ends:
            try:
                self._ends.pop()()
            except Exception as error:  # pylint: disable=broad-except  # the others must still be ended
                print(f"while cleaning up: {error!r}", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)
        for number, handler in previous:
            signal.signal(number, handler)

    def watch(self, thing):
        """`thing.process` is stopped with the stage, and must not end before."""
        self._watched.append(thing)
        self.defer(lambda: thing.process and thing.process.stop())
        return thing

    def jack(self, **options):
        folder = os.path.join(self.folder, f"jack{len(self._ends)}")
        os.makedirs(folder)
        jack = self.watch(Jack(folder, **options))
        return jack.start()

    def server(self, keys, **options):
        """A config server, not started, on a free port."""
        port = options.pop("port", None) or self.block.take()
        return self.watch(ConfigServer(self.folder, port, keys, **options))

    def node(self, name, jack, server_url, **options):
        """A node, not started. Its RTSP port, control address and UDP ports are free ones."""
        block = options.pop("block", None) or ports.reserve()
        return self.watch(Node(self.folder, name, jack, block, server_url, **options))

    def probe(self, jack, pairs, **options):
        """A probe that plays and listens between nodes, started."""
        probe = Probe(self.folder, jack, pairs, name=f"probe{len(self._ends)}", **options)
        self.defer(probe.stop)
        return probe

    def original_server(self, keys, **options):
        """A server of the original protocol, started. `keys`: {key: name}."""
        from .original_server import OriginalServer  # pylint: disable=import-outside-toplevel  # needs websockets
        server = OriginalServer(self.block.take(), keys, **options)
        self.defer(server.stop)
        return server.start()

    def original_client(self, url, name, key, **options):
        """A client of the original protocol, connected."""
        from .original_client import OriginalClient  # pylint: disable=import-outside-toplevel  # needs websockets
        client = OriginalClient(url, name, key, **options)
        self.defer(client.stop)
        return client.start()

    def process(self, name, argv, **options):
        """Any other program, started."""
        process = Process(name, argv, os.path.join(self.folder, f"{name}.log"), **options)
        self.defer(process.stop)
        return process

    def deaths(self):
        """[(name, status)] of programs that ended though nobody asked them to."""
        found = [(thing.process.name, thing.process.died()) for thing in self._watched if thing.process]
        return [(name, status) for name, status in found if status is not None]

    def print_logs(self, lines=80, out=sys.stderr):
        for folder, _, names in sorted(os.walk(self.folder)):
            if ".home" in folder:  # a program's own files
                continue
            for name in sorted(names):
                if name.endswith(".log"):
                    few = 8 if name.startswith(("probe", "chromium")) else lines
                    print(f"--- end of {name}\n{tail(os.path.join(folder, name), few)}", file=out)
