# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo, as people see it first: it works, it ends, it leaves nothing, and it does not lie."""
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile

from harness.case import StageCase, main
from harness.programs import BUILD, PATHS, ROOT
from harness.wait import PATIENCE, wait_for

DEMO = os.path.join(ROOT, "scripts", "demo.py")


class DemoTest(StageCase):
    watchdog_seconds = 120

    def setUp(self):
        super().setUp()
        self.temp = os.path.join(self.stage.folder, "tmp")
        os.makedirs(self.temp)

    def demo(self, *options, build=BUILD):
        return self.stage.process("demo", [sys.executable, DEMO, "--build", build, *options],
                                  env={"TMPDIR": self.temp})

    def assert_nothing_left(self, log):
        self.assertEqual(os.listdir(self.temp), [])
        for port in re.findall(r"rtsp://127\.0\.0\.1:(\d+)/", log):
            with open("/proc/net/tcp", encoding="ascii") as table:
                listening = [line for line in table if line.split()[3] == "0A"]
            self.assertFalse([line for line in listening if line.split()[1].endswith(f":{int(port):04X}")])

    def test_everyone_hears_everyone(self):
        demo = self.demo("--seconds", "2")
        self.assertEqual(demo.wait_exit(100), 0, demo.log())
        log = demo.log()
        for listener in ("porto", "lisboa", "montemor"):
            for sender in {"porto", "lisboa", "montemor"} - {listener}:
                self.assertRegex(log, rf"(?m)^{listener} +{sender} +-\d+\.\d dBFS +\d+\.\d\d ms +\d+ +webrtc, encrypted +playing")
        self.assertRegex(log, r"push to the first sound at a peer: montemor at porto \d+ ms")
        self.assert_nothing_left(log)

    def test_signal_cleans_up(self):
        demo = self.demo("--keep-going")
        demo.wait_log("montemor leaves", timeout=60)
        demo.signal(signal.SIGTERM)
        self.assertNotEqual(demo.wait_exit(40), 0)
        self.assert_nothing_left(demo.log())

    def test_in_a_terminal_it_stays_until_ctrl_c(self):
        controller, terminal = os.openpty()
        self.addCleanup(os.close, controller)
        demo = subprocess.Popen([sys.executable, DEMO, "--build", BUILD], stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal,
                                env={**os.environ, "TMPDIR": self.temp}, start_new_session=True)
        os.close(terminal)
        self.addCleanup(demo.kill)
        seen = bytearray()

        def refreshed():
            if select.select([controller], [], [], 0)[0]:
                seen.extend(os.read(controller, 65536))
            return seen.count(b"Ctrl-C ends.") >= 3
        wait_for(refreshed, 90, "the table to be shown again and again")
        self.assertIsNone(demo.poll())
        demo.send_signal(signal.SIGINT)
        self.assertEqual(demo.wait(40 * PATIENCE), 0, seen.decode(errors="replace"))
        self.assert_nothing_left("")

    def test_a_silent_node_is_no_success(self):
        """A node that sends no sound: the demo must say so and fail."""
        build = tempfile.mkdtemp(dir=self.stage.folder)
        for parts in PATHS.values():
            os.makedirs(os.path.join(build, *parts[:-1]), exist_ok=True)
            os.symlink(os.path.join(BUILD, *parts), os.path.join(build, *parts))
        shutil.rmtree(os.path.join(build, "node"))
        os.makedirs(os.path.join(build, "node"))
        deaf = os.path.join(build, *PATHS["matriz"])
        real = os.path.join(BUILD, *PATHS["matriz"])
        with open(deaf, "w", encoding="utf-8") as out:
            # lisboa runs, registers and sends, but its config says to receive nobody.
            out.write("#!/bin/sh\nfor last; do :; done\ncase $last in */lisboa.json)\n"
                      "sed 's/\"name\": \"lisboa\"/\"receive\": false, &/' \"$last\" >\"$last.deaf\"\n"
                      f"exec {real} \"$last.deaf\";;\nesac\nexec {real} \"$@\"\n")
        os.chmod(deaf, 0o755)
        demo = self.demo("--seconds", "1", build=build)
        self.assertEqual(demo.wait_exit(100), 1, demo.log())
        self.assertIn("at lisboa", demo.log())
        wait_for(lambda: os.listdir(self.temp) == [], 5, "the demo's folder to be gone")


if __name__ == "__main__":
    main()
