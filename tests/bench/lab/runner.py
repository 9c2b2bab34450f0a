# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs systems under conditions, one after another, and collects rows for the table."""
import os
import subprocess
import sys
import sysconfig
import time

from harness.jack import Jack
from harness.netlab import Netlab
from harness.stage import Stage
from harness.wait import NotReached, wait_for

from .matriz import ELEMENTS, MATRIZ, drift_ppm, late_packets, start_node, start_senders, start_server
from .measure import Ear, Result, listen, with_disturbances
from .peers import PEERS
from .stock import STOCK, EightStock, eight_chains, serve_tone
from .system import End, Lab

SYSTEMS = MATRIZ + PEERS + STOCK + (EightStock(),)
ON_DEMAND = ELEMENTS
FAKETIME = f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}/faketime/libfaketime.so.1"
EIGHT = 8


class FastJack(Jack):
    """A JACK server whose clock, and so whose dummy sound card, runs at another speed."""

    def __init__(self, folder, speed, **options):
        super().__init__(folder, **options)
        self.speed = speed

    def start(self):
        # Of the clients only those that ask for it have it preloaded: the others live in real time. (The `faketime` wrapper would fork.)
        os.environ.update(self.clock())
        try:
            return super().start()
        finally:
            for name in self.clock():
                del os.environ[name]

    def clock(self):
        """What a program needs in its environment to live in this server's time."""
        # libfaketime has every clock begin at the time of day; JACK's, of the server as of its clients, is the raw monotonic one.
        begin = time.clock_gettime(time.CLOCK_MONOTONIC_RAW) - time.time()
        return {"LD_PRELOAD": FAKETIME, "FAKETIME": f"{begin:+.6f} x{self.speed}", "FAKETIME_DONT_RESET": "1"}


def lacking(conditions):
    """What has to be there for these conditions and is not, or None."""
    if any(c.kind == "drift" for c in conditions) and not os.path.exists(FAKETIME):   # ld.so would leave it out and go on
        return f"there is no {FAKETIME}, which makes a card fast: install libfaketime, or leave out the condition drift"
    return None


def say(*words):
    print(*words, file=sys.stderr, flush=True)


class Runner:
    def __init__(self, seconds, warm_up, period=64, patience=3, drift_seconds=None):  # pylint: disable=too-many-arguments
        self.seconds = seconds
        self.drift_seconds = drift_seconds or 2 * seconds
        self.patience = patience   # how many times as long, while xruns and stalls disturb
        self.warm_up = warm_up
        self.network = None
        self.wire = {"sent": 0, "late_us": 0.0, "beyond_100us": 0}   # how exact netlab was, over all
        self.period = period
        self.rows = []

    def run(self, systems, conditions):
        for condition in conditions:
            say(f"— {condition.label}")
            for system in systems:
                if system.only and system.only != condition.kind:
                    continue
                reason = system.why_not()
                if reason:
                    say(f"  {system.label}, {system.transport}: left out, {reason}")
                    continue
                for row in self._attempt(system, condition):
                    self.rows.append(row)
        return self.rows

    def _attempt(self, system, condition):
        """Rows of one system under one condition; a failure is a row too."""
        base = {"condition": condition.key, "system": system.key, "label": system.label, "transport": system.transport,
                "rival": system.rival}
        measure = {"link": self._link, "drift": self._drift, "cpu": self._cpu}[condition.kind]
        try:
            with Stage("bench") as stage:
                rows = [{**base, **row} for row in measure(stage, system, condition)]
                self._note_wire(rows)
        except (NotReached, RuntimeError, AssertionError, OSError, subprocess.SubprocessError) as failure:
            rows = [{**base, "signal": "tone", "failure": str(failure).strip().splitlines()[0][:200]}]
        for row in rows:
            say(f"  {system.label}, {system.transport}: " + ", ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}"
                                                for k, v in row.items() if k not in base and v is not None))
        return rows

    def _note_wire(self, rows):
        """netlab's own punctuality, into the first row and into the sum."""
        if not rows:   # this system takes no part in this condition
            return
        counts = self.network.statistics().values()
        sent = sum(c["sent"] for c in counts)
        if not sent:
            return
        late = sum(c["late_mean_us"] * c["sent"] for c in counts)
        beyond = sum(c["late_beyond_100us"] for c in counts)
        rows[0]["wire_late_us"] = late / sent
        self.wire["sent"] += sent
        self.wire["late_us"] += late
        self.wire["beyond_100us"] += beyond

    def _network(self, stage, condition, hosts=("a", "b")):
        lines = [f"both * * {' '.join(condition.settings)}"] if condition.settings else []
        network = Netlab(stage.folder, hosts, lines)
        stage.defer(network.stop)
        self.network = network.start()
        return network

    def _jack(self, stage, make, name):
        folder = os.path.join(stage.folder, name)
        os.makedirs(folder)
        jack = make(folder)
        stage.defer(jack.stop)

        def started():
            try:
                return jack.start()
            except AssertionError as failure:   # JACK knows eight servers at most on one machine
                if "Too many servers" not in str(failure):
                    raise
                return None
        return wait_for(started, 60, "one of JACK's eight servers to be free", 1)

    def _link(self, stage, system, condition):
        network = self._network(stage, condition)
        jack = self._jack(stage, lambda folder: Jack(folder, period=self.period), "jack")
        lab = Lab(stage, network)
        a, b = End("ena", "a", jack), End("enb", "b" if condition.settings else "a", jack)
        system.start(lab, a, b)
        if condition.steps:
            return self._stepped(lab, condition, jack, a, b)
        rows = []
        for signal in condition.signals:
            ear = Ear(stage.folder, jack, a.send, b.receive, signal)
            result, share = listen(lab, ear, self.warm_up, self.seconds, self.patience)
            rows.append({"signal": signal, **result.as_dict(), "cpu_percent": 100 * share})
        return rows

    def _stepped(self, lab, condition, jack, a, b):
        """One row for each stretch; the same ear hears all, steps included."""
        marks = []
        late = []   # packets in the first second after each change, where the listener can tell
        ear = Ear(lab.stage.folder, jack, a.send, b.receive, "tone")
        try:
            ear.wait_heard(lab, 30)
            time.sleep(self.warm_up)
            for seconds, name, setting in condition.steps:
                # What a second holds is told up to a chirp's period after it: a change shows in its own stretch.
                marks.append((len(ear.rows()), name))
                end = time.monotonic() + seconds
                late.append(self._change(lab, b, setting) if setting else None)
                time.sleep(max(0, end - time.monotonic()))
                lab.check_alive()
            rows = with_disturbances(ear.rows(), stalls=lab.stalls.times())
        finally:
            ear.stop()
        ends = [mark for mark, _ in marks[1:]] + [len(rows)]
        return [{"signal": "tone", "stretch": name, **Result(rows[begin:end]).as_dict(), "late_at_step": count}
                for (begin, name), end, count in zip(marks, ends, late)]

    @staticmethod
    def _change(lab, hearing, setting):
        """How many packets were late in the second after the change; None where the hearing end cannot tell."""
        before = late_packets(lab, hearing)
        lab.network.command("both", "*", "*", setting)
        time.sleep(1)
        return None if before is None else late_packets(lab, hearing) - before

    @staticmethod
    def _connect(jack, source, target):
        def connected():
            try:
                jack.connect(source, target)
            except AssertionError:   # a client has ports before it is active, and cannot be connected until then
                return False
            return True
        wait_for(connected, 15, f"JACK to connect {source} to {target}")

    def _drift(self, stage, system, condition):
        """A's sound goes to B, whose card is 200 ppm fast, and from B's output back into B's input and so to A: both
        directions' drift in one number, with a single clock to measure it by."""
        network = self._network(stage, condition)
        one = self._jack(stage, lambda folder: Jack(folder, period=self.period), "jack-a")
        other = self._jack(stage, lambda folder: FastJack(folder, 1.0002, period=self.period), "jack-b")
        lab = Lab(stage, network)
        a, b = End("ena", "a", one), End("enb", "b", other)
        b.clock = other.clock()
        system.start(lab, a, b)
        other.wait_ports(b.receive, *b.send, timeout=30)
        for port in b.send:
            self._connect(other, b.receive, port)
        ear = Ear(stage.folder, one, a.send, a.receive, "tone")
        far = Ear(stage.folder, other, ["nobody:listens"], b.receive, "tone", name="far")
        result, share = listen(lab, ear, self.warm_up, self.drift_seconds, self.patience, far)
        return [{"signal": "tone", **result.as_dict(), "cpu_percent": 100 * share,
                 "spread_ms": result.settled_spread_ms, "spread_seconds": result.settled_seconds,
                 "drift_ppm": [drift_ppm(lab, end) for end in (a, b)]}]

    def _cpu(self, stage, system, condition):
        """What it costs to hear eight senders: one matriz node, its own capture and encoding included, against eight stock
        chains that hear the same senders."""
        if system.key not in ("opus", "eight-stock"):
            return []
        network = self._network(stage, condition)
        jack = self._jack(stage, lambda folder: Jack(folder, period=self.period), "jack")
        lab = Lab(stage, network)
        sender, hearer = End("senders", "a", jack), End("hearer", "b", jack)
        ports = {f"sender{n}": 8700 + n for n in range(EIGHT)}
        serve_tone(lab, sender, ports.values())
        if system.key == "eight-stock":
            lab.processes.clear()
            eight_chains(lab, hearer, [f"rtsp://{lab.address(sender)}:{port}/stream" for port in ports.values()])
            receive = [f"stock{n}:out_out_1" for n in range(EIGHT)]
        else:
            url = start_server(lab, hearer, [*ports, hearer.name])
            start_senders(lab, sender, url, ports)
            lab.processes.clear()
            start_node(lab, hearer, url, 0, **system.config)
            receive = [f"{hearer.name}:{name}_1" for name in ports]
        jack.wait_ports(*receive, timeout=30)
        return [{"signal": "tone", "cpu_percent": self._share(lab, jack, receive)}]

    def _share(self, lab, jack, receive):
        """CPU of the processes that lab knows, in percent of a core, once every port carries sound."""
        ears = [Ear(lab.stage.folder, jack, ["nobody:listens"], port, "chirp", f"ear{n}") for n, port in enumerate(receive)]
        try:
            for ear in ears:
                wait_for(lambda e=ear: e.rows() and (e.rows()[-1]["rms_dbfs"] or -200) > -60, 30, "sound from every sender", 0.5)
        finally:
            for ear in ears:
                ear.stop()
        time.sleep(self.warm_up)
        before, started = lab.cpu_seconds(), time.monotonic()
        time.sleep(self.seconds)
        lab.check_alive()
        return 100 * (lab.cpu_seconds() - before) / (time.monotonic() - started)


def find(keys, things, what):
    known = {thing.key: thing for thing in things}
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise SystemExit(f"bench: no {what} is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[key] for key in keys]
