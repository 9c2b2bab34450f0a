# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/probes/jack_probe as an ear: plays a signal into nodes, says who hears it, how late, how cleanly."""
import json
import os

from .jack import ENVIRONMENT
from .process import Process
from .programs import program
from .wait import wait_for


# Sound is judged when the chirp after it is over, up to 1.2 s late, and what an xrun leaves behind in a listener's buffer
# lasts a moment; so an xrun may show in its own report (one in 0.25 s) and in the seven after it.
REPORTS_OF_AN_XRUN = 8


class Probe:
    """`pairs`: {sender: [listeners]}, all Nodes on one JACK server. Started at once."""

    def __init__(self, folder, jack, pairs, interval=0.25, signal="tone", name="probe"):
        argv = [program("jack_probe"), "--server", jack.name, "--name", name, "--signal", signal, "--json",
                "--interval", interval]
        for sender, listeners in pairs.items():
            sends = [sender.send_port(n) for n in range(1, getattr(sender, "config", {}).get("channels", 2) + 1)]
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

    def unheard(self):
        return [f"{sender} at {listener}" for sender, listener in self.pairs if not self.hears(sender, listener)]

    def wait_heard(self, *pairs, timeout=20.0):
        """Waits until, from now on, these pairs (default: all) are heard."""
        pairs = pairs or self.pairs
        since = self.mark()
        self._wait(lambda: all(self.hears(s, l, since) for s, l in pairs), timeout,
                   lambda: "the sound of " + ", ".join(
                       f"{getattr(s, 'name', s)} at {getattr(l, 'name', l)}" for s, l in pairs if not self.hears(s, l)))

    def wait_heard_once(self, timeout=20.0):
        """Waits until, from now on, each pair was heard in some report: not all of them at once."""
        since = self.mark()

        def unheard():
            return [f"{s} at {l}" for s, l in self.pairs if not any(row["present"] for row in self._of(s, l, since))]
        self._wait(lambda: not unheard(), timeout, lambda: f"the sound of {', '.join(unheard())}")

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

    def judge_on_time(self, sender, listener, since=0):
        """(glitches, seconds judged) since a mark, of those reports alone in whose sound JACK was never late."""
        before = len(self._of(sender, listener)) - len(self._of(sender, listener, since))
        rows = self._of(sender, listener)
        on_time = [row for at, row in enumerate(rows) if at >= before and row["glitches"] is not None
                   and not any(near["xruns"] for near in rows[max(0, at + 1 - REPORTS_OF_AN_XRUN):at + 1])]
        return sum(row["glitches"] for row in on_time), sum(row["judged_seconds"] for row in on_time)

    def wait_reports(self, count, timeout=20.0):
        """Waits for so many reports more of every pair."""
        since = self.mark()
        self._wait(lambda: len(self._of(*self.pairs[-1], since)) >= count, timeout, lambda: f"{count} reports")

    def quiet(self, reports):
        """Was JACK on time in the newest reports, so many, and was nothing amiss in them?"""
        newest = [self._of(*pair)[-reports:] for pair in self.pairs]
        return all(len(rows) == reports and not any(row["xruns"] or row["glitches"] for row in rows) for rows in newest)

    def latency_ms(self, sender, listener):
        """Of the newest report; None where it did not hear enough to tell."""
        row = self.last(sender, listener)
        return row["latency_ms"] if row else None

    def wait_latency(self, sender, listener, fits, timeout=20.0):
        """Waits for a report with a latency for which fits(milliseconds) is true: one report may tell of a stall."""
        def fitting():
            latency = self.latency_ms(sender, listener)
            return latency is not None and fits(latency)
        self._wait(fitting, timeout, lambda: f"the latency of {getattr(sender, 'name', sender)} at "
                   f"{getattr(listener, 'name', listener)} to be right; it is {self.latency_ms(sender, listener)} ms")

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
