#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""./dev demo: three nodes find one another through a config server and play together over real JACK.

Everything is private to it: its own JACK server, ports, folder. It measures from sending port to receiving port, through
encoder, network, playout and decoder; nothing is taken from what the programs say about themselves but their state.
"""
import argparse
import os
import shutil
import signal
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

NAMES = ("porto", "lisboa", "montemor")
RATE, PERIOD = 48000, 64
MONITOR_KEY = "key-of-the-monitor"
PATIENCE_AT_THE_END = 15.0  # seconds for a pair that is not heard at this very moment


class Ended(BaseException):
    """Ctrl-C or SIGTERM."""


def on_signal(_number, _frame):
    raise Ended


def say(text):
    print(text, flush=True)


class Demo:
    def __init__(self, stage):
        self.stage = stage
        self.jack = self.server = self.monitor = self.probe = None
        self.nodes = []
        self.first_sound = []  # (sender, listener, ms) of the last join that was timed

    def start(self):
        say(f"jackd: dummy driver, {RATE / 1000:g} kHz, {PERIOD} frames ({1000 * PERIOD / RATE:.2f} ms) a period")
        self.jack = self.stage.jack(rate=RATE, period=PERIOD)
        self.server = self.stage.server({name: f"key-of-{name}" for name in NAMES}, monitor_key=MONITOR_KEY).start()
        say(f"config server: {self.server.url}")
        self.monitor = self.stage.original_client(self.server.url, "monitor", MONITOR_KEY)
        self.nodes = [self.stage.node(name, self.jack, self.server.url) for name in NAMES]
        for node in self.nodes:
            node.start()
            say(f"node {node.name}: {node.rtsp_url()}, http://127.0.0.1:{node.control_port}/status")
        for node in self.nodes:
            self.jack.wait_ports(node.send_port())
        self.probe = self.stage.probe(
            self.jack, {node: [other for other in self.nodes if other is not node] for node in self.nodes})
        say("a test signal goes into each node; waiting until everyone hears everyone")
        self.probe.wait_heard(timeout=30)

    def time_a_join(self):
        """The last node leaves and comes back; how long from the server's push until it is heard, and hears?"""
        node, others = self.nodes[-1], self.nodes[:-1]
        say(f"{node.name} leaves and comes back, to time its join")
        node.stop()
        for other in others:
            self.probe.wait_silent(node, other)
        seen = len(self.monitor.messages)
        mark = self.probe.mark()
        node.start()
        joined = self.monitor.wait_message(
            lambda m: m.get("message", "").startswith(f"[{node.name}] connected")
            and any(m is later for later in self.monitor.messages[seen:]), f"{node.name}'s join", timeout=20)
        pushed = self.monitor.arrival_of(joined)
        self.probe.wait_heard(timeout=20)
        for sender, listener in [(node, other) for other in others]:
            onset = self.probe.onset(sender, listener, mark)
            if onset is not None:
                self.first_sound.append((sender.name, listener.name, 1000 * (onset - pushed)))

    def state_of(self, sender, listener):
        """What the listener says of it, and what carries it."""
        try:
            peer = listener.peers()[sender.name]
        except (OSError, KeyError, ValueError):
            return "no status", "-"
        return peer.get("state", "?"), f"{peer.get('transport')}, {'encrypted' if peer.get('encrypted') else 'open'}"

    def complete(self):
        """{(sender, listener): newest report}, if every pair is heard in it and its level and latency are known, else None."""
        rows = {pair: self.probe.last(*pair) for pair in self.probe.pairs}
        whole = all(row and row["present"] and row["latency_ms"] is not None and row["rms_dbfs"] is not None
                    for row in rows.values())
        return rows if whole else None

    def wait_complete(self):
        """The same, waited for: one report, a quarter of a second, may tell of a machine that was busy just then."""
        from harness.wait import NotReached, wait_for  # pylint: disable=import-outside-toplevel
        try:
            return wait_for(self.complete, PATIENCE_AT_THE_END, "everyone to be heard")
        except NotReached:
            return None

    def table(self, rows=None):
        """`rows`: reports of one moment by pair, instead of the newest."""
        lines = [f"{'who':<10} {'hears':<10} {'level':>10} {'latency':>10} {'glitches':>9}  {'over':<18} state"]
        for sender, listener in self.probe.pairs:
            row = (rows[sender, listener] if rows else self.probe.last(sender, listener)) or {}
            level = "-" if row.get("rms_dbfs") is None else f"{row['rms_dbfs']:.1f} dBFS"
            latency = "-" if row.get("latency_ms") is None else f"{row['latency_ms']:.2f} ms"
            glitches = self.probe.judge(sender, listener, self.settled)[0]
            by_name = {node.name: node for node in self.nodes}
            state, over = self.state_of(by_name[sender], by_name[listener])
            heard = state if row.get("present") else f"SILENT ({state})"
            lines.append(f"{listener:<10} {sender:<10} {level:>10} {latency:>10} {glitches:>9}  {over:<18} {heard}")
        return lines

    def join_line(self):
        if not self.first_sound:
            return "from the server's push to the first sound at a peer: not seen"
        told = ", ".join(f"{sender} at {listener} {ms:.0f} ms" for sender, listener, ms in self.first_sound)
        return f"from the server's push to the first sound at a peer: {told}"

    def run(self, seconds):
        """Shows the table until `seconds` are over (None: until Ctrl-C). Returns whether every pair is heard."""
        self.settled = self.probe.mark()
        terminal = sys.stdout.isatty()
        end = None if seconds is None else time.monotonic() + seconds
        shown = 0
        try:
            while end is None or time.monotonic() < end:
                if terminal:
                    lines = [*self.table(), "", self.join_line(), "Ctrl-C ends."]
                    width = shutil.get_terminal_size().columns
                    sys.stdout.write((f"\x1b[{shown}A\x1b[J" if shown else "") +
                                     "".join(line[:width] + "\n" for line in lines))
                    sys.stdout.flush()
                    shown = len(lines)
                self.check_alive()
                time.sleep(1 if end is None else max(0, min(1, end - time.monotonic())))
        except Ended:
            pass
        rows = self.wait_complete()
        if not terminal:
            say("\n".join([*self.table(rows), self.join_line()]))
        if rows is None:
            say("not heard, or not well enough to measure: " + (", ".join(self.probe.unheard()) or "not all at once"))
        return rows is not None

    def check_alive(self):
        for name, status in self.stage.deaths():
            raise RuntimeError(f"{name} ended by itself with status {status}")


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, help="end by itself after so many seconds of playing together")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help=argparse.SUPPRESS)
    parser.add_argument("--keep-going", action="store_true", help="without a terminal, too: until SIGTERM")
    options = parser.parse_args()
    os.environ["MATRIZ_BUILD_DIR"] = options.build
    seconds = options.seconds
    if seconds is None and not sys.stdout.isatty() and not options.keep_going:
        seconds = 5.0

    from harness.stage import Stage  # pylint: disable=import-outside-toplevel  # reads MATRIZ_BUILD_DIR
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    good = False
    stage = Stage("matriz-demo")
    try:
        demo = Demo(stage)
        demo.start()
        demo.time_a_join()
        good = demo.run(seconds)
    except Ended:
        say("ended before everyone was heard")
    except (AssertionError, OSError, RuntimeError) as error:
        say(f"the demo failed: {error}")
        stage.print_logs(lines=25)
    finally:
        stage.close()
    say("everyone heard everyone" if good else "NOT everyone heard everyone")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
