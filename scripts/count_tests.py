#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""count_tests.py LOG [AGAIN] | --failed-in SUITE LOG

Counts what a `meson test` run did, from its testlog.json, and prints `N passed, N failed[, N skipped]`. AGAIN is the log
of a second run of some that failed: they count as that run says.

A GoogleTest program or a TAP program counts with each of its cases, any other program as one. A program that crashed or
ran out of time counts as one failure more, whatever its finished cases said. Exits 0 only if nothing failed, something
passed, and Meson itself (its status is in $MATRIZ_MESON_STATUS) was content. What failed is told before the counts, with
the words of the cases that failed.
"""
import json
import os
import re
import sys

GTEST_RAN = re.compile(r"^\[==========\] (\d+) tests? from \d+ test (?:suites?|cases?) ran", re.M)
GTEST_COUNT = {
    "passed": re.compile(r"^\[  PASSED  \] (\d+) tests?", re.M),
    "failed": re.compile(r"^\[  FAILED  \] (\d+) tests?, listed below", re.M),
    "skipped": re.compile(r"^\[  SKIPPED \] (\d+) tests?, listed below", re.M),
}
TAP_PLAN = re.compile(r"^1\.\.\d+", re.M)
TOLD_LINES = 30  # of one failed program
TAP_LINE = re.compile(r"^(not )?ok\b[^#\n]*(#\s*skip\b)?", re.M | re.I)


def count_output(text):
    """(passed, failed, skipped) of one program's cases, or None where it does not speak of cases."""
    if GTEST_RAN.search(text):
        found = {name: sum(int(n) for n in pattern.findall(text)) for name, pattern in GTEST_COUNT.items()}
        return found["passed"], found["failed"], found["skipped"]
    if TAP_PLAN.search(text):
        lines = [(bool(bad), bool(skip)) for bad, skip in TAP_LINE.findall(text)]
        return (lines.count((False, False)), sum(1 for bad, skip in lines if bad and not skip),
                sum(1 for _, skip in lines if skip))
    return None


def count_test(entry):
    counts = count_output(entry.get("stdout") or "")
    result = entry["result"]
    if counts is None:
        return {"OK": (1, 0, 0), "EXPECTEDFAIL": (1, 0, 0), "SKIP": (0, 0, 1)}.get(result, (0, 1, 0))
    passed, failed, skipped = counts
    if result not in ("OK", "EXPECTEDFAIL", "SKIP") and failed == 0:
        failed = 1
    return passed, failed, skipped


def told(entry):
    """The lines of a failed program that say why: its failed cases with what they print, or else its last words."""
    text = entry.get("stdout") or ""
    if TAP_PLAN.search(text):
        blocks = re.findall(r"^not ok\b.*\n(?:(?!ok\b|not ok\b|\d+\.\.).*\n?)*", text, re.M)
    else:
        blocks = re.findall(r"^.*: (?:Failure|error:).*\n(?:(?!\[).*\n?)*", text, re.M)
    lines = "".join(blocks).splitlines()
    stderr = (entry.get("stderr") or "").splitlines()
    return (lines + stderr)[:TOLD_LINES] or text.splitlines()[-TOLD_LINES:]


def entries(path):
    """{name: entry} of one log, in its order; nothing where there is no log."""
    try:
        with open(path, encoding="utf-8") as log:
            return {entry["name"]: entry for entry in map(json.loads, log)}
    except FileNotFoundError:
        return {}


def failed(entry):
    return count_test(entry)[1] > 0


def tell(verdict, entry):
    print("\n    ".join([f"{verdict}: {entry['name']} ({entry['result']})", *told(entry)]))


def print_failed_in(suite, path):
    """The names, for `meson test`, of the programs of that suite that failed, a line each."""
    for name, entry in entries(path).items():
        suites, _, program = name.rpartition(" / ")
        if failed(entry) and suite in re.split("[:+]", suites)[1:]:
            print(program)


def main():
    if sys.argv[1] == "--failed-in":
        print_failed_in(*sys.argv[2:])
        return 0
    status = int(os.environ.get("MATRIZ_MESON_STATUS", "0"))
    ran = entries(sys.argv[1])
    again = entries(sys.argv[2]) if len(sys.argv) > 2 else {}
    if not ran:
        print("no test was run", file=sys.stderr)
    for name, entry in again.items():
        if not failed(entry):
            tell("passed only when it was run again", ran[name])
            ran[name] = entry
    totals = [sum(counts) for counts in zip(*map(count_test, ran.values()))] or [0, 0, 0]
    for entry in filter(failed, ran.values()):
        tell("failed", entry)
    passed, failures, skipped = totals
    if status and not failures:
        failures = 1  # Meson saw a fault that no test's output shows; the counts must not say that all is well.
    sys.stdout.flush()
    print(f"{passed} passed, {failures} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if passed and not failures else 1


if __name__ == "__main__":
    sys.exit(main())
