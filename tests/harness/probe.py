# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/probes/jack_probe as an ear: plays a signal into nodes, says who hears it, how late, how cleanly."""
import json
import os

from .jack import ENVIRONMENT
from .process import Process
from .programs import program
from .wait import wait_for


class Probe:
    """`pairs`: {sender: [listeners]}, all Nodes on one JACK server. Started at once."""

    def __init__(self, folder, jack, pairs, interval=0.25, signal="tone", name="probe"):
        argv = [program("jack_probe"), "--server", jack.name, "--name", name, "--signal", signal, "--json",
                "--interval", interval]
        for sender, listeners in pairs.items():
            sends = [sender.send_port(n) for n in range(1, sender.config.get("channels", 2) + 1)]
            argv += ["--group", sender.name, "--send", ",".join(sends)]
            for listener in listeners:
                argv += ["--receive", f"{listener.name}={listener.peer_port(sender)}"]
        self.pairs = [(sender.name, listener.name) for sender, listeners in pairs.items() for listener in listeners]
        self.log_path = os.path.join(folder, f"{name}.log")
        self._rows = []
        self._read = 0
        self.process = Process(name, argv, self.log_path, env=ENVIRONMENT)

    def rows(self):
        """Every report so far, in order."""
        with open(self.log_path, "rb") as log:
            log.seek(self._read)
            new = log.read()
        whole = new[:new.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            if line.startswith("{"):
                self._rows.append(json.loads(line))
        return self._rows

    def mark(self):
        """A place in the reports, for `since`."""
        return len(self.rows())

    def _of(self, sender, listener, since=0, kind="interval"):
        pair = (getattr(sender, "name", sender), getattr(listener, "name", listener))
        return [r for r in self.rows()[since:] if (r["group"], r["label"]) == pair and r["type"] == kind]

    def last(self, sender, listener):
        rows = self._of(sender, listener)
        return rows[-1] if rows else None

    def hears(self, sender, listener, since=0):
        """Does `listener` hear `sender` now (in the newest report after `since`)?"""
        rows = self._of(sender, listener, since)
        return bool(rows) and rows[-1]["present"]

    def all_hear(self, since=0):
        return all(self.hears(sender, listener, since) for sender, listener in self.pairs)

    def unheard(self):
        return [f"{sender} at {listener}" for sender, listener in self.pairs if not self.hears(sender, listener)]

    def wait_heard(self, *pairs, timeout=20.0):
        """Waits until, from now on, these pairs (default: all) are heard."""
        pairs = pairs or self.pairs
        since = self.mark()
        self._wait(lambda: all(self.hears(s, l, since) for s, l in pairs), timeout,
                   lambda: "the sound of " + ", ".join(
                       f"{getattr(s, 'name', s)} at {getattr(l, 'name', l)}" for s, l in pairs if not self.hears(s, l)))

    def wait_silent(self, sender, listener, timeout=20.0):
        since = self.mark()
        self._wait(lambda: self._of(sender, listener, since) and not self.hears(sender, listener, since), timeout,
                   lambda: f"silence of {sender.name} at {listener.name}")

    def _wait(self, condition, timeout, what):
        def checked():
            if not self.process.running():
                raise AssertionError(f"jack_probe ended with {self.process.popen.returncode}: {self.process.log()[-500:]}")
            return condition()
        try:
            wait_for(checked, timeout, "it")
        except AssertionError as error:
            raise AssertionError(f"{error}: {what()}") from None

    def judge(self, sender, listener, since=0):
        """(glitches, longest drop-out in ms, seconds judged) since a mark."""
        rows = [r for r in self._of(sender, listener, since) if r["glitches"] is not None]
        return (sum(r["glitches"] for r in rows), max((r["longest_dropout_ms"] or 0 for r in rows), default=0),
                sum(r["judged_seconds"] for r in rows))

    def latency_ms(self, sender, listener):
        row = self.last(sender, listener)
        return row["latency_ms"] if row else None

    def onset(self, sender, listener, since=0):
        """time.monotonic() when sound first came after silence, since a mark; None if it did not."""
        rows = self._of(sender, listener, since, "onset")
        return rows[0]["monotonic"] if rows else None

    def xruns(self, since=0):
        """Of the JACK server, since a mark; every row of one report repeats the same number."""
        sender, listener = self.pairs[0]
        return sum(r["xruns"] for r in self._of(sender, listener, since))

    def stop(self):
        return self.process.stop()
