# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows as one Markdown table, and as docs/benchmarks.md."""
import datetime
import os
import platform
import statistics
import subprocess

from .conditions import CONDITIONS
from .measure import SETTLING, SLIP_MS
from .stalls import STALL_MS

PACKAGES = ("jackd2", "jacktrip", "zita-njbridge", "jamulus", "libopus0", "gstreamer1.0-plugins-good")


def _number(value, digits=2):
    return "–" if value is None else f"{value:.{digits}f}"


def merge(rows):
    """One row for each condition, system and stretch: signals side by side, what disturbed them together."""
    merged = {}
    for row in rows:
        line = merged.setdefault((row["condition"], row["system"], row.get("stretch")), {**row, "by_signal": {}})
        line["by_signal"][row["signal"]] = row
    for line in merged.values():
        for figure in ("latency_ms", "cpu_percent"):
            values = [row[figure] for row in line["by_signal"].values() if row.get(figure) is not None]
            line[figure] = statistics.median(values) if values else None
        for figure in ("heard_seconds", "seconds", "xruns", "stalls"):
            line[figure] = sum(row.get(figure) or 0 for row in line["by_signal"].values())
    return merged


def _ratio(line, merged, value):
    rival = merged.get((line["condition"], line["rival"], line.get("stretch")))
    if not rival or not rival.get(value) or not line.get(value) or line["system"] == line["rival"]:
        return ""
    return f" ({line[value] / rival[value]:.2f}×)"


COLUMNS = ("condition", "system", "transport", "latency ms (against matriz)", "min…max ms", "events/min, tone", "strings",
           "longest drop-out ms", "xruns/min", "stalls/min", "judged %", "CPU %", "notes")


def _notes(line):
    """What only some conditions have to say."""
    if line.get("late_at_step") is not None:
        return f"{line['late_at_step']} packets late in the second after"
    if "spread_ms" not in line:
        return ""
    drift = [f"{ppm:+.0f}" for ppm in line.get("drift_ppm") or () if ppm is not None]
    return f"spread {_number(line['spread_ms'])} ms in {line['spread_seconds']} s, {line.get('slips')} slips" + \
        (f", {' and '.join(drift)} ppm found" if drift else "")


def _figures(line, merged):
    """The columns from latency to CPU."""
    signals = line["by_signal"].values()
    dropout = max((s["dropout_ms"] for s in signals if s.get("dropout_ms") is not None), default=None)
    events = {name: s.get("events_per_minute") for name, s in line["by_signal"].items()}
    least = min((s["latency_min_ms"] for s in signals if s.get("latency_min_ms") is not None), default=None)
    most = max((s["latency_max_ms"] for s in signals if s.get("latency_max_ms") is not None), default=None)
    heard = line["heard_seconds"]
    return (_number(line.get("latency_ms")) + _ratio(line, merged, "latency_ms"), f"{_number(least)}…{_number(most)}",
            _number(events.get("tone"), 1), _number(events.get("string"), 1), _number(dropout, 0),
            _number(60 * line["xruns"] / heard if heard else None, 1),
            _number(60 * line["stalls"] / heard if heard else None, 1),
            _number(100 * line["seconds"] / heard if heard else None, 0),
            _number(line.get("cpu_percent"), 1) + _stock_ratio(line, merged))


def markdown(rows):
    merged = merge(rows)
    out = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for condition in CONDITIONS:
        for (key, _, stretch), line in merged.items():
            if key != condition.key:
                continue
            label = condition.label + (f": {stretch}" if stretch else "")
            if "failure" in line:
                cells = [f"failed: {line['failure'].replace('|', '/')}", *[""] * (len(COLUMNS) - 4)]
            else:
                cells = [*_figures(line, merged), _notes(line)]
            out.append(f"| {' | '.join([label, line['label'], line['transport'], *cells])} |")
    return "\n".join(out) + "\n"


def _stock_ratio(line, merged):
    """In the CPU condition everything is compared with the stock chains."""
    stock = merged.get((line["condition"], "eight-stock", None))
    if line["condition"] != "cpu" or not stock or line["system"] == "eight-stock" or not stock.get("cpu_percent"):
        return ""
    return f" ({line['cpu_percent'] / stock['cpu_percent']:.2f}×)"


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES], capture_output=True, text=True, check=False)
    versions = ", ".join(sorted(done.stdout.split("\n"))).strip(", ")
    return f"{os.cpu_count()} cores ({model}), Linux {platform.release().split('-')[0]}; {versions}"


def punctuality(wire):
    if not wire["sent"]:
        return ""
    return (f" Over this run it put packets out {wire['late_us'] / wire['sent']:.0f} µs after their time on average, "
            f"{100 * wire['beyond_100us'] / wire['sent']:.1f} % of them more than 100 µs.")


def load():
    """How busy the machine was, and what that means for the figures."""
    average = os.getloadavg()[1]
    text = f"Load average over the last five minutes at the end: {average:.1f}."
    if average > os.cpu_count():
        text += (" **The machine was busy with other work**: delays follow the jitter that this causes, so every figure is worse "
                 "than on a quiet machine, where this should be run again.")
    return text


def document(rows, command, runner):
    today = datetime.date.today().isoformat()
    return f"""# Benchmarks

`{command}` on {today}. Machine: {machine()}. {load()}

Absolute figures move with the machine; compare within one run. How it is measured:

- Both ends play on JACK servers with the dummy driver, 48 kHz, {runner.period} frames a period (1.33 ms at 64), in network
  namespaces joined by `netlab` (`tests/bench/netlab`), except "loopback", where both are on one host.{punctuality(runner.wire)}
- **Latency** is from the sending JACK port to the receiving JACK port, by chirp correlation (`tests/probes/jack_probe`): the
  median over {runner.seconds:g} s after {runner.warm_up:g} s of warming up, and its extremes. In brackets: against the matriz
  row of the same kind of codec. Under drift the sound goes there and back, so both directions count, and
  a lossy codec's own noise comes twice.
- **Events** are what one hears: jumps of phase or amplitude in a steady tone; for plucked strings, departures of aligned
  segments from what was sent. Neighbours closer than 10 ms are one event. What lies within 0.25 s after an xrun
  of JACK itself is not judged, nor are seconds with a stall and their neighbours.
- **Xruns** are those of the JACK server that listens, under drift of both ends' (there, no second with one at the far end nor its
  neighbours are judged). A system that causes them itself is forgiven what they do, but they show
  here, and in how much was **judged** of the time: without xruns and stalls all but the chirps, 90 to 95 %.
- **Stalls** are when a processor of this machine stood still for {STALL_MS:g} ms or more, whatever wanted to run on it: a thread above
  all of JACK and the systems found out (`tests/bench/stalls`). Virtual machines have them.
- **Notes.** At a step: how many packets came after their time in the second that follows it, as a node counts them. Under drift,
  {runner.drift_seconds:g} s long: the spread of the latency, leaving out {SETTLING} s after each stall and each xrun of either end (what
  those make the delay do is no drift); slips, that is events at which it jumped by {SLIP_MS:g} ms or more; and by how much the two
  nodes found the other's card to be faster than their own.
- **CPU** is that of all processes of the system, both ends and any server that carries sound (matriz's config server does not), as
  a share of one core; in the last condition that of the hearing side alone, against eight stock GStreamer chains.
- To work on the playout without nodes: `--systems elements-pcm16,elements-pcm16-red1 --conditions jitter-loss --seconds 10`.
- Everyone has the settings that its own documentation recommends for low latency; where a row says "real-time priority", its
  processes were started under `chrt -f`.

{markdown(rows)}"""
