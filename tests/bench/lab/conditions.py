# SPDX-License-Identifier: GPL-3.0-or-later
"""Under what everything is measured. Both directions of the link are alike."""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Condition:
    key: str
    label: str
    settings: tuple = ()       # of netlab; none: both ends on one host, over its loopback device
    steps: tuple = ()          # (seconds, name, setting): stretches while it is measured, each begun by a change
    kind: str = "link"         # "link", "drift" or "cpu": how it is measured
    quick: bool = True         # part of --quick
    signals: tuple = field(default=("tone", "string"))


CONDITIONS = (
    Condition("loopback", "loopback, clean"),
    Condition("link10", "10 ms link", ("delay=10",), quick=False),
    # Delays as that distribution has them, each packet's its own, as with netem: it overtakes what is later still.
    Condition("jitter-loss", "10 ms link, 1 ms mean exponential jitter, 1 % loss",
              ("delay=10", "jitter=exp:1", "loss=1", "reorder=100:0")),
    # The same on a path that keeps the order: a packet is as late as the latest before it.
    Condition("jitter-loss-in-order", "10 ms link, 1 ms mean exponential jitter, 1 % loss, in order",
              ("delay=10", "jitter=exp:1", "loss=1"), quick=False),
    Condition("bursts", "10 ms link, 5 % loss in bursts of 3 (Gilbert)", ("delay=10", "loss=5:3"), quick=False),
    Condition("step", "10 ms link, exponential jitter 0.5 → 8 → 0.5 ms", ("delay=10", "jitter=exp:0.5"),
              steps=((20, "0.5 ms", ""), (20, "step to 8 ms", "jitter=exp:8"), (50, "back at 0.5 ms", "jitter=exp:0.5"),
                     (10, "50 to 60 s later", "")), quick=False, signals=("tone",)),
    Condition("drift", "sound cards 200 ppm apart, there and back", ("delay=10",), kind="drift", signals=("tone",)),
    Condition("cpu", "one node, eight senders, stereo", kind="cpu", signals=("tone",)),
)
