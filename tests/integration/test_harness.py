# SPDX-License-Identifier: GPL-3.0-or-later
"""The harness itself: what it starts it ends, and its two ends of the original protocol understand each other."""
import os
import signal
import subprocess
import sys
import textwrap
from unittest import mock

import mesh_case
from harness.case import StageCase, main
from harness.middle import Middle
from harness.probe import Probe, REPORTS_OF_AN_XRUN
from harness.stage import Stage
from harness.wait import NotReached, wait_for


class HarnessTest(StageCase):
    def test_jack_patches(self):
        jack = self.stage.jack(rate=44100, period=128)
        self.assertEqual(jack.connections()["system:capture_1"], [])
        jack.connect("system:capture_1", "system:playback_2")
        self.assertTrue(jack.connected("system:capture_1", "system:playback_2"))
        jack.disconnect("system:capture_1", "system:playback_2")
        self.assertFalse(jack.connected("system:capture_1", "system:playback_2"))

    def test_two_jacks_side_by_side(self):
        first, second = self.stage.jack(), self.stage.jack()
        first.connect("system:capture_1", "system:playback_1")
        self.assertFalse(second.connected("system:capture_1", "system:playback_1"))
        first.stop()
        self.assertEqual(first.ports(), [])
        self.assertIn("system:capture_1", second.ports())

    def test_wait_for_gives_up(self):
        with self.assertRaises(NotReached):
            wait_for(lambda: False, 0.1)

    def test_unexpected_end_is_told(self):
        process = self.stage.process("gone", ["sh", "-c", "exit 7"])
        wait_for(lambda: not process.running(), 5)
        self.assertEqual(process.died(), 7)

    def test_ports_of_two_stages_differ(self):
        with Stage() as other:
            mine = {self.stage.block.take() for _ in range(50)}
            self.assertFalse(mine & {other.block.take() for _ in range(50)})

    def end_of_a_test_by(self, number):
        """Starts a test that hangs, ends it by a signal, and says whether its program and folder are gone."""
        script = textwrap.dedent("""
            from harness.case import StageCase, main
            class Hanging(StageCase):
                def test(self):
                    child = self.stage.process("child", ["sleep", "1000"])
                    print("#", child.pid, self.stage.folder, flush=True)
                    child.wait_exit(1000)
            main()
        """)
        path = os.path.join(self.stage.folder, "hanging.py")
        with open(path, "w", encoding="utf-8") as out:
            out.write(script)
        hanging = self.stage.process("hanging", [sys.executable, path])
        said = hanging.wait_log(r"# (\d+) (\S+)")
        child, folder = int(said.group(1)), said.group(2)
        hanging.signal(number)
        hanging.wait_exit()

        def child_gone():
            try:
                os.kill(child, 0)
            except ProcessLookupError:
                return True
            with open(f"/proc/{child}/stat", encoding="ascii") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
        wait_for(child_gone, 5, "the child to be gone")
        return folder

    def test_sigterm_cleans_up(self):
        self.assertFalse(os.path.exists(self.end_of_a_test_by(signal.SIGTERM)))

    def test_sigkill_leaves_no_program(self):
        folder = self.end_of_a_test_by(signal.SIGKILL)
        subprocess.run(["rm", "-r", folder], check=True)


class Through:
    """jack_thru in a node's place: what goes in comes out within the same cycle."""
    name = "thru"
    config = {"channels": 1}

    def send_port(self, channel=1):
        return f"thru:input_{channel}"

    def peer_port(self, _peer, channel=1):
        return f"thru:output_{channel}"


class ProbeTest(StageCase):
    def test_hears_a_wire(self):
        jack = self.stage.jack()
        self.stage.process("thru", ["jack_thru", "thru", jack.name])
        jack.wait_ports("thru:output_1")
        node = Through()
        probe = self.stage.probe(jack, {node: [node]})
        probe.wait_heard()
        probe.wait_latency(node, node, lambda ms: ms == 0)
        first = probe.onset(node, node)
        mark = probe.mark()
        target = next(p for p in jack.connections()["thru:output_1"] if "probe" in p)

        def noticed():
            """The probe connects again within 100 ms; it shows each hole as one glitch, unless JACK was late just then."""
            if target in jack.connections()["thru:output_1"]:
                jack.disconnect("thru:output_1", target)
            return probe.judge(node, node, mark)[0] >= 1
        wait_for(noticed, 30, "a hole to be noticed", 1)
        self.assertIsNotNone(first)


class Recorded(Probe):
    """A probe whose reports the test writes."""

    def __init__(self):  # pylint: disable=super-init-not-called  # no program is behind it
        self.pairs = [("porto", "lisboa")]
        self.reports = []
        self.report(REPORTS_OF_AN_XRUN)

    def rows(self):
        return self.reports

    def report(self, count, **more):
        self.reports += [{"type": "interval", "group": "porto", "label": "lisboa", "present": True, "glitches": 0,
                          "judged_seconds": 0.25, "longest_dropout_ms": 0, "xruns": 0, **more}] * count

    def wait_reports(self, count, timeout=20.0):
        self.report(count)


@mock.patch.object(mesh_case, "PATIENCE", 1)
class UndisturbedTest(mesh_case.MeshCase):
    """What a test of whole meshes takes for a disturbance, on a machine that is busy or not."""

    def attempts(self, action):
        """How often it took action(probe) to be satisfied."""
        probe, tried = Recorded(), []

        def counted():
            tried.append(len(tried))
            action(probe)
        self.assert_undisturbed(probe, probe.pairs, counted)
        return len(tried)

    def test_no_glitch(self):
        self.assertEqual(self.attempts(lambda probe: probe.report(8)), 1)

    def test_one_glitch_may_be_an_accident(self):
        glitches = [1, 0]
        self.assertEqual(self.attempts(lambda probe: probe.report(4, glitches=glitches.pop(0))), 2)

    def test_glitches_while_jack_was_on_time(self):
        with self.assertRaisesRegex(AssertionError, "while JACK was on time"):
            self.attempts(lambda probe: probe.report(1, glitches=1))

    def test_glitches_after_an_xrun_do_not_count(self):
        def action(probe):
            probe.report(1, xruns=1)
            probe.report(REPORTS_OF_AN_XRUN - 1, glitches=1)
            probe.report(4)
        self.assertEqual(self.attempts(action), 1)

    def test_glitches_long_after_an_xrun_count(self):
        def action(probe):
            probe.report(1, xruns=1)
            probe.report(REPORTS_OF_AN_XRUN - 1)
            probe.report(1, glitches=1)
        with self.assertRaisesRegex(AssertionError, "while JACK was on time"):
            self.attempts(action)

    def test_too_little_on_time_is_tried_again(self):
        self.assertEqual(self.attempts(lambda probe: probe.report(20, xruns=1, glitches=1)), 3)

    def test_a_hole_as_long_as_jack_was_late_is_the_machines(self):
        holes = [500, 0]
        self.assertEqual(self.attempts(lambda probe: probe.report(
            8, xruns=50, glitches=1, longest_dropout_ms=holes.pop(0) if holes else 0)), 3)

    def test_a_hole_fails_at_once_whatever_else_jack_did(self):
        with self.assertRaisesRegex(AssertionError, "a hole of 500 ms"):
            self.attempts(lambda probe: probe.report(1, xruns=1, glitches=1, longest_dropout_ms=500))


class OriginalProtocolTest(StageCase):
    def setUp(self):
        super().setUp()
        self.server = self.stage.original_server({"k1": "porto", "k2": "lisboa"})

    def test_join_message_leave(self):
        porto = self.stage.original_client(self.server.url, "porto", "k1", port=1)
        welcome = porto.wait_message(lambda m: "n_clients" in m, "the answer to register")
        self.assertEqual((welcome["n_clients"], welcome["stream"]), (1, False))
        lisboa = self.stage.original_client(self.server.url, "lisboa", "k2", port=1, escaped=True)
        porto.wait_message(lambda m: m.get("message") == "[lisboa] connected to config server", "lisboa's arrival")
        self.assertEqual(porto.names(), ["lisboa", "porto"])
        lisboa.send({"gain": 3})
        got = porto.wait_message(lambda m: "gain" in m, "lisboa's message")
        self.assertEqual((got["name"], len(got["clients"])), ("lisboa", 2))
        lisboa.deregister()
        porto.wait_message(lambda m: m.get("message") == "[lisboa] disconnected from config server", "lisboa's leaving")
        self.assertEqual(porto.names(), ["porto"])

    def test_man_in_the_middle(self):
        """What nodes and server say through him he sees, changes, swallows, and makes up."""
        def alter(way, name, message):
            if "secret" in message:
                return None
            return {**message, "gain": 7} if "gain" in message and way == "up" else message
        middle = Middle(self.stage.block.take(), self.server.url, alter=alter)
        self.stage.defer(middle.stop)
        middle.start()
        porto = self.stage.original_client(middle.url_at("127.0.0.1"), "porto", "k1", port=1)
        lisboa = self.stage.original_client(self.server.url, "lisboa", "k2", port=1)
        lisboa.wait_message(lambda m: "n_clients" in m, "the answer to register")
        for message in ({"secret": 1}, {"gain": 3}):
            porto.send(message)
        self.assertEqual(lisboa.wait_message(lambda m: "gain" in m, "porto's message")["gain"], 7)
        self.assertFalse([m for m in lisboa.messages if "secret" in m])
        self.assertIn(("up", "porto", {"secret": 1}), middle.seen)
        self.assertEqual(len(middle.newest_list("porto")["clients"]), 2)
        middle.to_node("porto", {"made": "up"})
        porto.wait_message(lambda m: m.get("made") == "up", "what the middle made up")
        middle.to_server("porto", {"forged": True})
        self.assertEqual(lisboa.wait_message(lambda m: "forged" in m, "what porto never said")["name"], "porto")

    def test_unknown_key_is_closed(self):
        stranger = self.stage.original_client(self.server.url, "porto", "guess")
        self.assertTrue(stranger.closed.wait(10))
        self.assertEqual(self.server.names(), [])


if __name__ == "__main__":
    main()
