# SPDX-License-Identifier: GPL-3.0-or-later
"""Test cases with a stage of their own, a watchdog, and TAP output that Meson counts."""
import faulthandler
import os
import re
import signal
import sys
import threading
import traceback
import unittest

from .stage import Stage
from .wait import PATIENCE

REPORT = re.compile(r"WARNING: ThreadSanitizer|ERROR: \w+Sanitizer|\S+:\d+:\d+: runtime error: ")


class Watchdog:
    """Ends this process, after its cleaning, when a case takes longer than `seconds` (times PATIENCE)."""

    def __init__(self, seconds, name):
        self._timer = threading.Timer(seconds * PATIENCE, self._bark, (seconds, name))
        self._timer.daemon = True

    def __enter__(self):
        self._timer.start()

    def __exit__(self, *_):
        self._timer.cancel()

    @staticmethod
    def _bark(seconds, name):
        print(f"watchdog: {name} took more than {seconds * PATIENCE:g} s; all threads:", file=sys.stderr)
        faulthandler.dump_traceback(all_threads=True)
        # The main thread raises, cleans up, ends; if even that hangs, the kernel ends us and with us our programs.
        threading.Timer(30, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
        os.kill(os.getpid(), signal.SIGTERM)


class Interrupted(BaseException):
    """SIGTERM or the watchdog: everything is cleaned up on the way out."""


def _on_signal(number, _frame):
    raise Interrupted(f"ended by signal {number}")


class StageCase(unittest.TestCase):
    """self.stage is made for each test and closed after it; no program may end by itself meanwhile."""

    watchdog_seconds = 90
    may_die = False  # set by a test in which programs end by themselves

    def run(self, result=None):
        self._result = result
        with Watchdog(self.watchdog_seconds, self.id()):
            return super().run(result)

    def _complaints(self):
        return len(self._result.failures) + len(self._result.errors)

    def setUp(self):
        self.stage = Stage()
        self._complaints_before = self._complaints()
        self._reports = []
        self.stage.defer(self._gather_reports)  # deferred first, done last: when all programs have ended
        self.addCleanup(self._end)

    def _gather_reports(self):
        """What sanitizers said in the logs. A race or a leak changes no more than the exit status, which nobody looks at
        when a program is stopped or killed."""
        for folder, _, names in os.walk(self.stage.folder):
            for name in names:
                if name.endswith(".log"):
                    with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as log:
                        text = log.read()
                    if found := REPORT.search(text):
                        self._reports.append(f"{name}: {text[found.start():found.start() + 5000]}")

    def _end(self):
        deaths = [] if self.may_die else self.stage.deaths()
        if deaths or self._complaints() > self._complaints_before:
            self.stage.print_logs()
        self.stage.close()
        self.assertEqual(deaths, [], "programs ended by themselves")
        self.assertFalse(self._reports, "\n".join(self._reports))


class TapResult(unittest.TestResult):
    """Prints one TAP line for each finished test."""

    def __init__(self):
        super().__init__()
        self._number = 0
        self._bad = False

    def startTest(self, test):
        super().startTest(test)
        self._bad = False

    def _line(self, good, test, note=""):
        self._number += 1
        print(f"{'ok' if good else 'not ok'} {self._number} - {test.id().split('.', 1)[-1]}{note}", flush=True)

    def _complain(self, error):
        if not self._bad:
            traceback.print_exception(*error)
            sys.stderr.flush()
        self._bad = True

    def addError(self, test, err):
        super().addError(test, err)
        self._complain(err)
        if not isinstance(test, unittest.TestCase):  # setUpClass and the like, which have no stopTest
            self._line(False, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._complain(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            print(f"# in {subtest.id()}", flush=True)
            self._complain(err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line(True, test, f" # SKIP {reason}")

    def stopTest(self, test):
        if not (self.skipped and self.skipped[-1][0] is test):
            self._line(not self._bad, test)
        super().stopTest(test)


def main():
    """The end of every test file: runs its tests, or those named on the command line, and speaks TAP."""
    faulthandler.enable()
    signal.signal(signal.SIGTERM, _on_signal)
    module = sys.modules["__main__"]
    loader = unittest.TestLoader()
    names = [name for name in sys.argv[1:] if not name.startswith("-")]
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    print(f"1..{suite.countTestCases()}", flush=True)
    result = TapResult()
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
