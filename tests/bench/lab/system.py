# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: something that carries sound both ways between two ends."""
import os
import shutil

from harness.jack import ENVIRONMENT

from .stalls import Stalls

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class End:
    """One end: a host of the network, and the JACK server that plays there."""

    def __init__(self, name, host, jack):
        self.name = name      # also the JACK client's, where a system lets us choose
        self.host = host
        self.jack = jack
        self.send = []        # JACK ports that sound is played into here
        self.receive = None   # JACK port where the other end is heard
        self.control_port = None   # of a node of ours, for its /status
        self.clock = {}       # environment of a program that has to live in its JACK server's time


class System:
    """Subclasses say how to start. `key` is for the command line, `label` and `transport` for the table."""

    key = ""
    label = ""
    transport = "own protocol"
    rival = None         # key of the matriz row that this one is compared with
    programs = ()        # that have to be installed
    only = None          # the one kind of condition that it takes part in

    def why_not(self):
        """Why it cannot be measured here, or None."""
        missing = [p for p in self.programs if not shutil.which(p)]
        return f"{', '.join(missing)} not installed" if missing else None

    def start(self, lab, a, b):
        """Starts both ends on their hosts, and sets their ports."""
        raise NotImplementedError


class Lab:
    """A network, the processes on it, an eye on the machine, and a stage that ends them."""

    def __init__(self, stage, network):
        self.stage = stage
        self.stalls = Stalls(stage)
        self.network = network
        self.processes = []

    def address(self, end):
        return self.network.address[end.host]

    def spawn(self, name, end, argv, env=None, realtime=False):
        """Runs argv on the end's host, for its JACK server."""
        command = ["chrt", "-f", "60", *argv] if realtime else list(argv)
        process = self.stage.process(
            name, self.network.on(end.host, command), cwd=self.stage.folder,
            env={**ENVIRONMENT, "JACK_DEFAULT_SERVER": end.jack.name, "HOME": self.stage.folder,
                 "QT_QPA_PLATFORM": "offscreen", **(env or {})})
        self.processes.append(process)
        return process

    def cpu_seconds(self):
        """Of all processes of the system so far."""
        total = 0
        for process in self.processes:
            try:
                with open(f"/proc/{process.pid}/stat", encoding="ascii", errors="replace") as stat:
                    fields = stat.read().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
            except OSError:
                pass
        return total / CLOCK_TICKS

    def check_alive(self):
        for process in self.processes:
            if not process.running():
                raise RuntimeError(f"{process.name} ended with {process.popen.returncode}: {process.log()[-600:]}")
