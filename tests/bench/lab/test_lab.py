# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic of the bench: what counts, what is compared with what."""
import unittest

from harness.case import main
from lab.conditions import CONDITIONS
from lab.measure import Result
from lab.runner import ON_DEMAND, SYSTEMS, find
from lab.table import markdown


def second(xruns=0, latency=8.0, glitches=0, dropout=0.0):
    return {"xruns": xruns, "latency_ms": latency, "latency_min_ms": latency - 1, "latency_max_ms": latency + 1,
            "glitches": glitches, "longest_dropout_ms": dropout, "judged_seconds": 0.9, "rms_dbfs": -23.0}


class MeasureTest(unittest.TestCase):
    def test_seconds_with_xruns_count_but_for_the_extremes(self):
        result = Result([second(), second(xruns=2, latency=40, glitches=1), second(latency=9)])
        self.assertEqual(result.disturbed_seconds, 1)
        self.assertEqual((result.latency_ms, result.latency_min_ms, result.latency_max_ms), (9, 7, 10))
        self.assertEqual(result.events, 1)   # the probe has left out what the xruns did
        self.assertAlmostEqual(result.events_per_minute, 60 / 2.7)

    def test_extremes_and_median(self):
        result = Result([second(latency=8), second(latency=9, dropout=12), second(latency=30)])
        self.assertEqual((result.latency_ms, result.latency_min_ms, result.latency_max_ms), (9, 7, 31))
        self.assertEqual(result.dropout_ms, 12)

    def test_nothing_heard_is_no_figure(self):
        row = {**second(), "latency_ms": None, "latency_min_ms": None, "latency_max_ms": None, "glitches": None,
               "longest_dropout_ms": None, "judged_seconds": 0.0, "rms_dbfs": None}
        result = Result([row])
        self.assertIsNone(result.latency_ms)
        self.assertIsNone(result.events_per_minute)
        self.assertIsNone(Result([]).latency_ms)


class TableTest(unittest.TestCase):
    @staticmethod
    def row(system, rival, latency, signal="tone", condition="loopback", **more):
        return {"condition": condition, "system": system, "rival": rival, "label": system, "signal": signal,
                **Result([second(latency=latency)]).as_dict(), "cpu_percent": 10.0, **more}

    def test_ratio_is_against_the_rival_under_the_same_condition(self):
        table = markdown([self.row("pcm16", "pcm16", 4.0), self.row("jacktrip-q4", "pcm16", 6.0),
                          self.row("jacktrip-q4", "pcm16", 6.5, signal="string"),
                          self.row("pcm16", "pcm16", 12.0, condition="link10")])
        lines = [line for line in table.splitlines() if "jacktrip" in line]
        self.assertEqual(len(lines), 1)
        self.assertIn("6.25 (1.56×)", lines[0])
        self.assertIn("5.00…7.50", lines[0])
        self.assertNotIn("×", [line for line in table.splitlines() if "| pcm16" in line][0])

    def test_a_failure_has_its_reason(self):
        table = markdown([{"condition": "loopback", "system": "zita", "label": "zita", "rival": "pcm16", "signal": "tone",
                           "failure": "no sound | at all"}])
        self.assertIn("failed: no sound / at all", table)

    def test_cpu_is_against_the_stock_chains(self):
        cost = {"condition": "cpu", "rival": "opus", "signal": "tone"}
        table = markdown([{**cost, "system": "opus", "label": "opus", "cpu_percent": 8.0},
                          {**cost, "system": "eight-stock", "label": "stock", "cpu_percent": 20.0}])
        self.assertIn("8.0 (0.40×)", table)


class ChoiceTest(unittest.TestCase):
    def test_keys_are_unique_and_rivals_exist(self):
        keys = [s.key for s in SYSTEMS + ON_DEMAND]
        self.assertEqual(len(keys), len(set(keys)))
        for system in SYSTEMS + ON_DEMAND:
            self.assertIn(system.rival, keys)

    def test_unknown_is_told(self):
        with self.assertRaisesRegex(SystemExit, "no condition is called moon"):
            find(["loopback", "moon"], CONDITIONS, "condition")


if __name__ == "__main__":
    main()
