# SPDX-License-Identifier: GPL-3.0-or-later
"""Measuring one system under one condition, with the probe's ears."""
import json
import statistics
import time

from harness.jack import ENVIRONMENT
from harness.process import Process
from harness.programs import program
from harness.wait import wait_for


INTERVAL = 1         # seconds that a row of the probe stands for
JUDGED_SHARE = 0.9   # of the time: what lies beside the chirps
SETTLING = 20        # seconds after an xrun or a stall in which the delay may still be what that asked for
SLIP_MS = 0.5        # resampling moves the delay less in the time that an event takes


class Ear:
    """jack_probe on one link; rows as they come."""

    def __init__(self, folder, jack, send, receive, signal, name="ear"):
        argv = [program("jack_probe"), "--server", jack.name, "--name", name, "--signal", signal, "--json", "--interval", INTERVAL,
                "--send", ",".join(send), "--receive", f"x={receive}"]
        self._began = time.monotonic()
        self._path = f"{folder}/{name}-{signal}-{time.monotonic_ns()}.log"
        self.process = Process(name, argv, self._path, env=ENVIRONMENT)

    def rows(self):
        found = []
        with open(self._path, encoding="utf-8") as log:
            for line in log:
                if line.startswith("{") and line.endswith("}\n"):
                    row = json.loads(line)
                    if row["type"] == "interval":
                        found.append({**row, "time": self._began + row["seconds"]})
        if not self.process.running():
            said = " ".join(self.process.log()[-400:].split())
            raise RuntimeError(f"jack_probe ended with {self.process.popen.returncode}: {said}")
        return found

    def wait_heard(self, lab, timeout):
        def heard():
            lab.check_alive()
            rows = self.rows()
            return rows and rows[-1]["present"]
        wait_for(heard, timeout, "sound to come through", 0.25)

    def stop(self):
        self.process.stop()


def _is_calm(row):
    return not row["xruns"] and not row.get("disturbed")


def _slips(rows):
    """Events at which the delay jumped: sound was left out or played twice. A chirp tells of it up to a second later. Where
    there were xruns or stalls nothing is counted: they move the delay themselves."""
    slips = 0
    for n, row in enumerate(rows):
        around = [r for r in rows[max(0, n - 1):n + 2] if r["latency_min_ms"] is not None]
        if row["glitches"] and around and all(_is_calm(r) for r in around) and \
                max(r["latency_max_ms"] for r in around) - min(r["latency_min_ms"] for r in around) >= SLIP_MS:
            slips += row["glitches"]
    return slips


def _settled(rows):
    """The rows that come SETTLING or more after anything that disturbed."""
    return [row for n, row in enumerate(rows) if all(_is_calm(before) for before in rows[max(0, n - SETTLING):n + 1])]


def _spread(rows):
    """Between the extremes of latency, ms; None without any."""
    heard = [r for r in rows if r["latency_min_ms"] is not None]
    return max(r["latency_max_ms"] for r in heard) - min(r["latency_min_ms"] for r in heard) if heard else None


def with_disturbances(rows, far=(), stalls=()):
    """The rows, with what disturbed from outside: xruns of the far end's JACK server according to the rows `far`, and the times
    at which the machine stood still. As the probe does with xruns of its own server, nothing is judged around them. Each is
    counted in one row, but disturbs the neighbours as well: two probes do not begin their seconds at the same moment, and what
    is heard of it may come in the next."""
    outside = [(row["time"], "xruns", row["xruns"]) for row in far if row["xruns"]] + \
        [(at + INTERVAL / 2, "stalls", 1) for at in stalls]
    told = []
    for row in rows:
        row = {**row, "stalls": 0, "disturbed": False}
        for at, what, count in outside:
            if abs(at - row["time"]) > INTERVAL:
                continue
            row.update(disturbed=True, glitches=0, longest_dropout_ms=0.0, judged_seconds=0.0)
            if -INTERVAL / 2 < row["time"] - at <= INTERVAL / 2:
                row[what] += count
        told.append(row)
    return told


class Result:
    """The figures of one system under one condition with one signal. What JACK's own xruns and a machine that stands still do is
    not the system's fault: nothing is judged around them, and such seconds do not count for the extremes."""

    def __init__(self, rows):
        calm = [r for r in rows if _is_calm(r)]
        self.disturbed_seconds = len(rows) - len(calm)
        latencies = [r["latency_ms"] for r in rows if r["latency_ms"] is not None]
        self.latency_ms = statistics.median(latencies) if latencies else None
        self.latency_min_ms = min((r["latency_min_ms"] for r in calm if r["latency_min_ms"] is not None), default=None)
        self.latency_max_ms = max((r["latency_max_ms"] for r in calm if r["latency_max_ms"] is not None), default=None)
        self.seconds = sum(r["judged_seconds"] for r in rows)
        self.heard_seconds = INTERVAL * len(rows)
        self.xruns = sum(r["xruns"] for r in rows)
        self.stalls = sum(r.get("stalls", 0) for r in rows)
        self.slips = _slips(rows)
        settled = _settled(rows)
        self.settled_seconds = INTERVAL * len(settled)
        self.settled_spread_ms = _spread(settled)
        self.events = sum(r["glitches"] or 0 for r in rows)
        self.dropout_ms = max((r["longest_dropout_ms"] or 0 for r in rows), default=0)
        self.rms_dbfs = statistics.median([r["rms_dbfs"] for r in rows if r["rms_dbfs"] is not None] or [-999])

    @property
    def events_per_minute(self):
        return 60 * self.events / self.seconds if self.seconds > 0 else None

    def as_dict(self):
        return {**vars(self), "events_per_minute": self.events_per_minute}


def listen(lab, ear, warm_up, seconds, patience=3, far=None):  # pylint: disable=too-many-arguments
    """Result and CPU use (share of one core, all processes of the system). Goes on, at most `patience` times as long, until
    as much has been judged as `seconds` without xruns and stalls would give. `far`: an ear on the other end's JACK server, where that is
    another one. Stops the ears."""
    def rows(skip=0):
        return with_disturbances(ear.rows()[skip:], far.rows() if far else (), lab.stalls.times())

    try:
        ear.wait_heard(lab, 20)
        time.sleep(warm_up)
        before, cpu, started = len(rows()), lab.cpu_seconds(), time.monotonic()
        end = started + seconds
        while (now := time.monotonic()) < end:
            time.sleep(min(1, end - now))
            lab.check_alive()
            missing = seconds - sum(row["judged_seconds"] for row in rows(before)) / JUDGED_SHARE
            end = min(max(end, now + 1 + missing), started + patience * seconds)
        share = (lab.cpu_seconds() - cpu) / (time.monotonic() - started)
        return Result(rows(before)), share
    finally:
        for one in (ear, far) if far else (ear,):
            one.stop()
