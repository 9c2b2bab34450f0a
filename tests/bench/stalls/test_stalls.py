# SPDX-License-Identifier: GPL-3.0-or-later
"""stalls, while a program that nothing may interrupt holds a processor up."""
import json
import os
import sys
import textwrap

from harness.case import StageCase, main
from harness.programs import BUILD, run
from harness.wait import wait_for

STALLS = os.path.join(BUILD, "tests", "bench", "stalls", "stalls")

# Holds a processor for 20 ms; prints when that was over.
HOLD = textwrap.dedent("""
    import os, sys, time
    os.sched_setaffinity(0, {int(sys.argv[1])})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
    end = time.monotonic() + 0.02
    while time.monotonic() < end:
        pass
    print(time.monotonic())
""")


def may_not():
    """Why there is no real-time priority to be had here, or None."""
    done = run([sys.executable, "-c", HOLD, str(min(os.sched_getaffinity(0)))])
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


class StallsTest(StageCase):
    def test_tells_when_which_processor_stood_still(self):
        if reason := may_not():
            self.skipTest(reason)
        stalls = self.stage.process("stalls", [STALLS, "15"])
        stalls.wait_log("watching")
        processor = max(os.sched_getaffinity(0))
        over = float(run([sys.executable, "-c", HOLD, str(processor)]).stdout)

        def told():
            rows = [json.loads(line) for line in stalls.log().splitlines() if line.endswith("}")]
            return [r for r in rows if r["processor"] == processor and r["at"] > over - 0.001]
        row = wait_for(told, 5, "the stall to be told")[0]
        self.assertGreaterEqual(row["ms"], 15)

    def test_says_what_it_wants(self):
        for wrong in ("x", "0", "-1", "1e9", "1ms"):
            done = run([STALLS, wrong])
            self.assertEqual(done.returncode, 2)
            self.assertIn("usage: stalls [MS]", done.stderr)


if __name__ == "__main__":
    main()
