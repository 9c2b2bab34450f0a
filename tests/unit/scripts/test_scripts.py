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
RUN_AGAIN = os.path.join(ROOT, "scripts", "run_again.py")

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

    def test_a_program_that_ran_again_counts_and_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            log = self.write(folder, "log.json", ("m:integration / slow", "TIMEOUT", "1..2\nok 1 - a\n"))
            good = self.write(folder, "good.json", ("m:integration / slow", "OK", "1..2\nok 1 - a\nok 2 - b\n"), case=None)
            told = self.run_count(log, good, status=1)
            self.assertEqual(told.stdout.splitlines(), ["passed only when it was run again: m:integration / slow (TIMEOUT)",
                                                        "    1..2", "    ok 1 - a", "2 passed, 0 failed"])
            self.assertEqual(told.returncode, 0)
            self.assertEqual(self.run_count(log, good, status=2).stdout.splitlines()[-1], "2 passed, 1 failed",
                             "Meson saw more than that one")
            bad = self.write(folder, "bad.json", ("m:integration / slow", "TIMEOUT", "1..2\nok 1 - a\n"), case=None)
            told = self.run_count(log, bad, status=1)
            self.assertEqual((told.stdout.splitlines()[-1], told.returncode), ("1 passed, 1 failed", 1))

    def test_a_case_that_ran_again_counts_and_is_told(self):
        first = "1..3\nok 1 - A.a\nnot ok 2 - A.b\n# late\nnot ok 3 - A.c\n# wrong\n"
        with tempfile.TemporaryDirectory() as folder:
            log = self.write(folder, "log.json", ("m:integration / slow", "ERROR", first))
            good = self.write(folder, "again.json", ("m:integration / slow", "OK", "1..1\nok 1 - A.b\n"), case="A.b")
            told = self.run_count(log, good, status=1)
            self.assertEqual(told.stdout.splitlines(), [
                "passed only when it was run again: m:integration / slow: A.b (ERROR)", "    not ok 2 - A.b", "    # late",
                "failed: m:integration / slow (ERROR)", "    not ok 3 - A.c", "    # wrong", "2 passed, 1 failed"])
            self.assertEqual(told.returncode, 1)
            with open(good, "a", encoding="utf-8") as more:
                more.write(json.dumps({"name": "m:integration / slow", "result": "OK", "case": "A.c"}) + "\n")
            told = self.run_count(log, good, status=1)
            self.assertEqual((told.stdout.splitlines()[-1], told.returncode), ("3 passed, 0 failed", 0))
            self.assertNotIn("\nfailed: ", told.stdout)

    @staticmethod
    def write(folder, name, *tests, **more):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as log:
            for test, result, stdout in tests:
                log.write(json.dumps({"name": test, "result": result, "stdout": stdout, **more}) + "\n")
        return path

    @staticmethod
    def run_count(*arguments, status=0):
        return subprocess.run([sys.executable, COUNT, *arguments], capture_output=True, text=True, check=False,
                              env={**os.environ, "MATRIZ_MESON_STATUS": str(status)})

    def test_nothing_run_is_no_success(self):
        self.assertEqual(self.count(), ("0 passed, 0 failed", 1))


# A program whose cases fail as often as their names say, counted in files beside it.
UNSTEADY = """
import os, sys, time
CASES = {"A.good": 0, "A.once": 1, "A.twice": 2, "A.always": 99}
names = sys.argv[1:] or [n for n in CASES if n in os.environ["CASES"].split()]
print(f"1..{len(names)}")
bad = False
for number, name in enumerate(names, 1):
    with open(os.path.join(os.environ["FOLDER"], name), "a") as count:
        count.write("x")
        good = count.tell() > CASES[name]
    bad = bad or not good
    if os.environ.get("CRASH") and not good:
        os.abort()
    print("ok" if good else "not ok", number, "-", name)
sys.exit(bad)
"""


class RunAgainTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = holder.name
        self.program = os.path.join(self.folder, "unsteady.py")
        with open(self.program, "w", encoding="utf-8") as out:
            out.write(UNSTEADY)

    def suite(self, cases, programs=1, suite="integration", **environment):
        """Runs so many programs with these cases as `meson test` does; the folder says what Meson knows of them."""
        tests, log = [], []
        for number in range(programs):
            name = f"unsteady{number}"
            os.mkdir(os.path.join(self.folder, name))
            test = {"name": name, "suite": [f"m:{suite}"], "cmd": [sys.executable, self.program], "timeout": 20,
                    "env": {"FOLDER": os.path.join(self.folder, name), "CASES": cases, **environment}}
            done = subprocess.run(test["cmd"], env={**os.environ, **test["env"]}, capture_output=True, text=True, check=False)
            tests.append(test)
            log.append({"name": f"m:{suite} / {name}", "result": "ERROR" if done.returncode else "OK", "stdout": done.stdout,
                        "returncode": done.returncode, "command": test["cmd"]})
        # Another suite has programs of the same names.
        tests += [{**test, "suite": ["m:other"]} for test in tests] + [{**test, "suite": ["m:integration"]} for test in tests]
        meson = os.path.join(self.folder, "meson")
        with open(meson, "w", encoding="utf-8") as out:
            out.write(f"#!/bin/sh\ncat <<'END'\n{json.dumps(tests)}\nEND\n")
        os.chmod(meson, 0o755)
        self.log = os.path.join(self.folder, "log.json")
        with open(self.log, "w", encoding="utf-8") as out:
            out.write("".join(json.dumps(entry) + "\n" for entry in log))
        self.status = sum(entry["result"] != "OK" for entry in log)

    def again(self):
        """What count_tests.py says at the end of it all, after what ran again: (last line, exit status, how often)."""
        again = os.path.join(self.folder, "again.json")
        done = subprocess.run([sys.executable, RUN_AGAIN, self.folder, "integration", "1", self.log, again], check=False,
                              capture_output=True, text=True,
                              env={**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"})
        self.assertEqual(done.returncode, 0, done.stderr)
        counted = CountTest.run_count(self.log, again, status=self.status)
        return counted.stdout.splitlines()[-1], counted.returncode, done.stdout.count("run again (")

    def runs_of(self, case, program=0):
        return os.path.getsize(os.path.join(self.folder, f"unsteady{program}", case))

    def test_only_what_failed_runs_again_until_it_passes(self):
        self.suite("A.good A.once A.twice")
        self.assertEqual(self.again(), ("3 passed, 0 failed", 0, 3))
        self.assertEqual([self.runs_of(case) for case in ("A.good", "A.once", "A.twice")], [1, 2, 3])

    def test_what_fails_three_times_failed(self):
        self.suite("A.once A.always")
        self.assertEqual(self.again(), ("1 passed, 1 failed", 1, 3))
        self.assertEqual(self.runs_of("A.always"), 3)

    def test_after_a_crash_the_whole_program_runs(self):
        self.suite("A.good A.once", CRASH="yes")
        self.assertEqual(self.again(), ("2 passed, 0 failed", 0, 1))
        self.assertEqual(self.runs_of("A.good"), 2)

    def test_too_many_are_no_accident(self):
        self.suite("A.once A.twice A.always", programs=3)
        self.assertEqual(self.again(), ("0 passed, 9 failed", 1, 0))

    def test_other_suites_do_not_run_again(self):
        self.suite("A.once", suite="unit")
        self.assertEqual(self.again(), ("0 passed, 1 failed", 1, 0))

    def test_nothing_failed(self):
        self.suite("A.good")
        self.assertEqual(self.again(), ("1 passed, 0 failed", 0, 0))

    def test_time_that_runs_out_is_no_success(self):
        self.suite("A.once")
        with open(self.program, "w", encoding="utf-8") as out:
            out.write("import time\nprint('1..1\\nok 1 - A.once', flush=True)\ntime.sleep(1000)\n")
        meson = os.path.join(self.folder, "meson")
        with open(meson, encoding="utf-8") as text:
            short = text.read().replace('"timeout": 20', '"timeout": 0.5')
        with open(meson, "w", encoding="utf-8") as out:
            out.write(short)
        self.assertEqual(self.again(), ("0 passed, 1 failed", 1, 2))


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
