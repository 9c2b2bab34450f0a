# SPDX-License-Identifier: GPL-3.0-or-later
"""The script for people, and the counting of tests: what it prints is what automatic readers rely on."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

from harness.case import main

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
COUNT = os.path.join(ROOT, "scripts", "count_tests.py")

GTEST = """[==========] Running 3 tests from 1 test suite.
[==========] 3 tests from 1 test suite ran. (0 ms total)
[  PASSED  ] 1 test.
[  SKIPPED ] 1 test, listed below:
[  SKIPPED ] A.b
[  FAILED  ] 1 test, listed below:
[  FAILED  ] A.c
"""
TAP = "1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no reason\n"


class CountTest(unittest.TestCase):
    def count(self, *entries, status=0):
        """(last line, exit status) for a log with these (result, stdout)."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as log:
            for number, (result, stdout) in enumerate(entries):
                log.write(json.dumps({"name": f"x{number}", "result": result, "stdout": stdout}) + "\n")
            log.flush()
            done = subprocess.run([sys.executable, COUNT, log.name], capture_output=True, text=True, check=False,
                                  env={**os.environ, "MATRIZ_MESON_STATUS": str(status)})
        return done.stdout.splitlines()[-1], done.returncode

    def test_programs_without_cases(self):
        self.assertEqual(self.count(("OK", "hello"), ("OK", None)), ("2 passed, 0 failed", 0))
        self.assertEqual(self.count(("OK", ""), ("TIMEOUT", "")), ("1 passed, 1 failed", 1))
        self.assertEqual(self.count(("OK", ""), ("SKIP", "")), ("1 passed, 0 failed, 1 skipped", 0))

    def test_cases_are_counted(self):
        self.assertEqual(self.count(("FAIL", GTEST)), ("1 passed, 1 failed, 1 skipped", 1))
        self.assertEqual(self.count(("FAIL", TAP)), ("1 passed, 1 failed, 1 skipped", 1))

    def test_a_crash_after_good_cases_is_a_failure(self):
        self.assertEqual(self.count(("ERROR", "1..3\nok 1 - a\n")), ("1 passed, 1 failed", 1))
        self.assertEqual(self.count(("FAIL", "[       OK ] A.b (0 ms)\n")), ("0 passed, 1 failed", 1))

    def test_a_fault_that_only_meson_sees(self):
        self.assertEqual(self.count(("OK", ""), status=1), ("1 passed, 1 failed", 1))

    def test_says_what_failed_and_why(self):
        why = "not ok 2 - b\n# it was late\n"
        with tempfile.TemporaryDirectory() as folder:
            log = self.write(folder, "log.json", ("m:integration / slow", "FAIL", "1..2\nok 1 - a\n" + why),
                             ("m:unit / wrong", "FAIL", "1..1\nnot ok 1 - c\n"), ("m / good", "OK", ""))
            told = self.run_count(log)
            self.assertEqual(told.stdout.splitlines(), [
                "failed: m:integration / slow (FAIL)", "    not ok 2 - b", "    # it was late",
                "failed: m:unit / wrong (FAIL)", "    not ok 1 - c", "2 passed, 2 failed"])
            self.assertEqual(self.run_count("--failed-in", "integration", log).stdout, "slow\n")

    def test_a_second_run_counts_and_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            log = self.write(folder, "log.json", ("m:integration / slow", "FAIL", "1..1\nnot ok 1 - a\n"))
            good = self.write(folder, "good.json", ("m:integration / slow", "OK", "1..1\nok 1 - a\n"))
            told = self.run_count(log, good)
            self.assertEqual(told.stdout.splitlines(), ["passed only when it was run again: m:integration / slow (FAIL)",
                                                        "    not ok 1 - a", "1 passed, 0 failed"])
            self.assertEqual(told.returncode, 0)
            self.assertEqual(self.run_count(log, log).returncode, 1)

    @staticmethod
    def write(folder, name, *tests):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as log:
            for test, result, stdout in tests:
                log.write(json.dumps({"name": test, "result": result, "stdout": stdout}) + "\n")
        return path

    @staticmethod
    def run_count(*arguments):
        return subprocess.run([sys.executable, COUNT, *arguments], capture_output=True, text=True, check=False)

    def test_nothing_run_is_no_success(self):
        self.assertEqual(self.count(), ("0 passed, 0 failed", 1))


class DevTest(unittest.TestCase):
    def dev(self, *arguments):
        return subprocess.run([os.path.join(ROOT, "dev"), *arguments], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)

    def test_no_argument_says_what_there_is(self):
        told = self.dev()
        self.assertEqual(told.returncode, 0)
        for command in ("setup", "build", "demo", "test", "lint", "format", "bench", "deb"):
            self.assertIn(f"./dev {command}", told.stdout)

    def test_unknown_command(self):
        told = self.dev("dance")
        self.assertEqual((told.returncode, told.stdout), (2, ""))
        self.assertIn("dance", told.stderr)


class SecurityPageTest(unittest.TestCase):
    """docs/security.md says which test shows what; each of them must be there."""

    def test_every_test_it_names_exists(self):
        with open(os.path.join(ROOT, "docs", "security.md"), encoding="utf-8") as page:
            text = page.read()
        python = re.findall(r"`([\w/]+\.py): (test_\w+)`", text)
        native = re.findall(r"`([A-Z]\w+)\.([A-Z]\w+)`", text)
        self.assertGreater(len(python), 20)
        self.assertGreater(len(native), 2)
        for file, name in python:
            with open(os.path.join(ROOT, "tests", "integration", file), encoding="utf-8") as source:
                self.assertIn(f"def {name}(self)", source.read(), file)
        sources = "".join(open(path, encoding="utf-8").read()  # pylint: disable=consider-using-with
                          for path in glob.glob(os.path.join(ROOT, "tests", "unit", "*", "*.cpp")))
        for suite, name in native:
            self.assertRegex(sources, rf"TEST(_F|_P)?\({suite}, {name}\)")


if __name__ == "__main__":
    main()
