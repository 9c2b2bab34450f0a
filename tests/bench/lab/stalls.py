# SPDX-License-Identifier: GPL-3.0-or-later
"""When the machine itself stood still while something was measured."""
import json
import os

from harness.programs import BUILD

STALLS = os.path.join(BUILD, "tests", "bench", "stalls", "stalls")
STALL_MS = 1   # that long, or longer: what it does to a delay can be seen in the table


class Stalls:
    """Listens until the stage is closed."""

    def __init__(self, stage):
        self._process = stage.process("stalls", [STALLS, STALL_MS])
        self._process.wait_log("watching")

    def times(self):
        """When each ended, by time.monotonic()."""
        if not self._process.running():
            raise RuntimeError(f"stalls ended with {self._process.popen.returncode}: {self._process.log()[-200:]}")
        lines = self._process.log().split("\n")[:-1]   # the last one may not be whole
        return [json.loads(line)["at"] for line in lines if line.startswith("{")]
