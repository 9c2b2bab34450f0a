# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic of the bench: what counts, what is compared with what."""
import unittest
from unittest import mock

from harness.case import main
from lab import runner
from lab.conditions import CONDITIONS
from lab.measure import SETTLING, Result, with_disturbances
from lab.runner import ON_DEMAND, SYSTEMS, Runner, find, lacking
from lab.table import COLUMNS, document, markdown


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


    def test_tells_how_much_was_judged_and_how_often_jack_stumbled(self):
        result = Result([second(), second(xruns=3), second(xruns=1), second()])
        self.assertEqual((result.heard_seconds, result.xruns), (4, 4))
        self.assertAlmostEqual(result.seconds, 3.6)

    def test_nothing_is_judged_around_xruns_of_the_far_end(self):
        near = [{**second(glitches=1, dropout=20), "time": 10.0 + n} for n in range(6)]
        far = [{**second(xruns=n == 3), "time": 9.6 + n} for n in range(6)]
        merged = with_disturbances(near, far)
        self.assertEqual([row["xruns"] for row in merged], [0, 0, 0, 1, 0, 0])   # counted once
        self.assertEqual([row["glitches"] for row in merged], [1, 1, 0, 0, 1, 1])
        self.assertEqual(Result(merged).disturbed_seconds, 2)
        self.assertAlmostEqual(Result(merged).seconds, 3.6)
        self.assertEqual(Result(near).as_dict(), Result(with_disturbances(near)).as_dict())

    def test_nothing_is_judged_while_the_machine_stands_still(self):
        rows = [{**second(glitches=1, dropout=20), "time": 10.0 + n} for n in range(6)]   # a row ends at its time
        told = with_disturbances(rows, stalls=[12.4, 12.6])
        self.assertEqual([row["stalls"] for row in told], [0, 0, 0, 2, 0, 0])
        self.assertEqual([row["disturbed"] for row in told], [False, False, True, True, True, False])
        result = Result(told)
        self.assertEqual((result.stalls, result.xruns, result.events, result.disturbed_seconds), (2, 0, 3, 3))
        self.assertAlmostEqual(result.seconds, 2.7)

    def test_the_spread_is_that_of_settled_seconds(self):
        rows = [second(xruns=1, latency=30), *[second(latency=20)] * SETTLING, second(latency=9), second(latency=8.5)]
        self.assertEqual(Result(rows).settled_spread_ms, 2.5)   # 7.5 to 10
        self.assertEqual(Result(rows).settled_seconds, 2)
        self.assertIsNone(Result(rows[:-2]).settled_spread_ms)
        rows[0].update(xruns=0, disturbed=True)
        self.assertEqual(Result(rows).settled_seconds, 2)

    def test_a_slip_is_an_event_at_which_the_delay_jumps(self):
        def latencies(*values, **at):
            rows = [{**second(latency=v), "latency_min_ms": v, "latency_max_ms": v} for v in values]
            for n, changes in at.items():
                rows[int(n[1:])].update(changes)
            return Result(rows).slips

        event = {"glitches": 1}
        self.assertEqual(latencies(8, 8, 9.33, 9.33, _1=event), 1)          # a chirp tells of it in the next second
        self.assertEqual(latencies(8, 8, 8, 8, _1=event), 0)                # an event of another kind
        self.assertEqual(latencies(8, 8.2, 8.4, 8.6, 8.8), 0)               # a slide
        self.assertEqual(latencies(8, 8, 9.33, _1={**event, "xruns": 1}), 0)
        self.assertEqual(latencies(8, 8, 9.33, _2={"disturbed": True}, _1=event), 0)
        self.assertEqual(latencies(8, 8, _1={**event, "latency_min_ms": None, "latency_max_ms": None}), 0)


class TableTest(unittest.TestCase):
    @staticmethod
    def row(system, rival, latency, signal="tone", condition="loopback", **more):
        return {"condition": condition, "system": system, "rival": rival, "label": system, "transport": "WebRTC",
                "signal": signal,
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
        table = markdown([{"condition": "loopback", "system": "zita", "label": "zita", "transport": "own protocol",
                           "rival": "pcm16", "signal": "tone", "failure": "no sound | at all"}])
        self.assertIn("failed: no sound / at all", table)
        self.assertEqual({line.count("|") for line in table.splitlines()}, {len(COLUMNS) + 1})

    def test_cpu_is_against_the_stock_chains(self):
        cost = {"condition": "cpu", "rival": "opus", "transport": "RTSP/UDP", "signal": "tone"}
        table = markdown([{**cost, "system": "opus", "label": "opus", "cpu_percent": 8.0},
                          {**cost, "system": "eight-stock", "label": "stock", "cpu_percent": 20.0}])
        self.assertIn("8.0 (0.40×)", table)

    def test_xruns_stalls_and_what_was_judged_are_of_all_signals_together(self):
        table = markdown([self.row("pcm16", "pcm16", 4.0),
                          {**self.row("pcm16", "pcm16", 4.0, signal="string"),
                           **Result([second(xruns=2), {**second(), "stalls": 1}]).as_dict()}])
        cells = dict(zip(COLUMNS, (cell.strip() for cell in table.splitlines()[-1].strip("|").split("|"))))
        self.assertEqual([cells[c] for c in ("xruns/min", "stalls/min", "judged %", "transport")], ["40.0", "20.0", "90", "WebRTC"])

    def test_a_step_and_drift_have_notes(self):
        table = markdown([self.row("pcm16", "pcm16", 4.0, condition="step", stretch="step to 8 ms", late_at_step=7),
                          self.row("pcm16", "pcm16", 4.0, condition="drift", spread_ms=0.314, spread_seconds=600, drift_ppm=[199.6, -200.2]),
                          self.row("zita", "pcm16", 4.0, condition="drift", spread_ms=1.0, spread_seconds=9, drift_ppm=[None, None])])
        self.assertIn("| 7 packets late in the second after |", table)
        self.assertIn("| spread 0.31 ms in 600 s, 0 slips, +200 and -200 ppm found |", table)
        self.assertIn("| spread 1.00 ms in 9 s, 0 slips |", table)
        never = markdown([self.row("zita", "pcm16", 4.0, condition="drift", spread_ms=None, spread_seconds=0, drift_ppm=[None, None])])
        self.assertIn("| spread – ms in 0 s, 0 slips |", never)

    def test_the_document_tells_how_long_was_measured(self):
        text = document([self.row("pcm16", "pcm16", 4.0)], "./dev bench", Runner(60, 12, drift_seconds=600))
        self.assertIn("over 60 s", text)
        self.assertIn("600 s long", text)


class ChoiceTest(unittest.TestCase):
    def test_keys_are_unique_and_rivals_exist(self):
        keys = [s.key for s in SYSTEMS + ON_DEMAND]
        self.assertEqual(len(keys), len(set(keys)))
        for system in SYSTEMS + ON_DEMAND:
            self.assertIn(system.rival, keys)

    def test_every_system_says_over_what_it_goes(self):
        self.assertEqual({s.transport for s in SYSTEMS}, {"RTSP/UDP", "WebRTC", "own protocol"})
        self.assertEqual(len(SYSTEMS), len({(s.label, s.transport) for s in SYSTEMS}))

    def test_without_libfaketime_there_is_no_drift(self):
        with mock.patch.object(runner, "FAKETIME", "/nowhere/libfaketime.so.1"):
            self.assertIn("/nowhere/libfaketime.so.1", lacking(CONDITIONS))
            self.assertIsNone(lacking([c for c in CONDITIONS if c.kind != "drift"]))

    def test_unknown_is_told(self):
        with self.assertRaisesRegex(SystemExit, "no condition is called moon"):
            find(["loopback", "moon"], CONDITIONS, "condition")


if __name__ == "__main__":
    main()
