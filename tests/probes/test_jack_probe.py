# SPDX-License-Identifier: GPL-3.0-or-later
"""jack_probe on a real JACK server, hearing itself and another probe."""
import json

from harness.case import StageCase, main
from harness.jack import ENVIRONMENT
from harness.programs import program, run
from harness.wait import wait_for


class JackProbeTest(StageCase):
    may_die = True

    def setUp(self):
        super().setUp()
        self.jack = self.stage.jack()

    def probe(self, name, *arguments):
        return self.stage.process(name, [program("jack_probe"), "--server", self.jack.name, "--name", name, "--json",
                                         "--interval", "0.25", *arguments], env=ENVIRONMENT)

    @staticmethod
    def rows(process, kind="interval"):
        return [row for row in map(json.loads, (line for line in process.log().splitlines() if line.startswith("{")))
                if row["type"] == kind]

    def wait_present(self, process, present=True):
        def reached():
            rows = self.rows(process)
            return rows and rows[-1]["present"] == present
        wait_for(reached, 20, f"{process.name} to hear {'sound' if present else 'silence'}")

    def test_a_wire_takes_no_time(self):
        for signal in ("chirp", "tone", "string", "speech"):
            probe = self.probe(f"self-{signal}", "--signal", signal, "--send", f"self-{signal}-in:probe-x", "--receive",
                               f"x=self-{signal}-out:probe")
            self.wait_present(probe)
            self.assertEqual(probe.stop(), 0)
            total = self.rows(probe, "total")[0]
            self.assertEqual(total["latency_ms"], 0)
            self.assertGreater(total["rms_dbfs"], -60)
            self.assertEqual(total["glitches"] is None, total["judged_seconds"] == 0)

    def test_groups_do_not_hear_one_another(self):
        probe = self.probe("two", "--group", "porto", "--send", "two-in:porto-here", "--receive", "here=two-out:porto",
                           "--group", "lisboa", "--send", "nobody:hears", "--receive", "there=two-out:porto")
        wait_for(lambda: any(r["label"] == "here" and r["present"] for r in self.rows(probe)), 20)
        # lisboa's receiving port is wired to porto's sound: there is a level, but not the signal.
        heard = [r for r in self.rows(probe) if r["label"] == "there"]
        self.assertFalse(any(r["present"] for r in heard))
        self.assertEqual(probe.stop(), 1)
        self.assertGreater({r["label"]: r for r in self.rows(probe, "total")}["there"]["rms_dbfs"], -60)

    def test_ports_may_come_late_go_and_come_back(self):
        listener = self.probe("listener", "--send", "nobody:here", "--receive", "x=player-out:probe")
        wait_for(lambda: self.rows(listener), 10)
        self.assertFalse(self.rows(listener)[-1]["connected"])
        for _ in range(2):
            player = self.probe("player", "--send", "nobody:here", "--receive", "x=nobody:there")
            self.wait_present(listener)
            player.stop()
            self.wait_present(listener, False)
        self.assertEqual(listener.stop(), 0)

    def test_ends_by_itself_and_says_who_was_not_heard(self):
        done = run([program("jack_probe"), "--server", self.jack.name, "--seconds", "1", "--send", "a:b", "--receive", "x=c:d"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("no such port", done.stdout)

    def test_says_what_is_wrong(self):
        wrong = run([program("jack_probe"), "--send", "a:b"])
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("--receive is missing", wrong.stderr)
        nobody = run([program("jack_probe"), "--server", "nobody-there", "--send", "a:b", "--receive", "x=c:d"])
        self.assertEqual(nobody.returncode, 3)
        self.assertIn("nobody-there", nobody.stderr)
        self.assertEqual(run([program("jack_probe"), "--help"]).returncode, 0)

    def test_ends_when_jack_goes(self):
        probe = self.probe("orphan", "--send", "a:b", "--receive", "x=c:d")
        wait_for(lambda: self.rows(probe), 10)
        self.jack.kill()
        self.assertEqual(probe.wait_exit(20), 3)
        self.assertIn("went away", probe.log())


if __name__ == "__main__":
    main()
