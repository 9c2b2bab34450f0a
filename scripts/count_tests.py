#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""count_tests.py LOG [AGAIN]

Counts what a `meson test` run did, from its testlog.json, and prints `N passed, N failed[, N skipped]`. AGAIN, which
run_again.py writes, says what became of failed cases and programs that ran again: one that then passed counts as passed.

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


def is_complete(text):
    """Does a TAP program's output have a line for each case that its plan announces?"""
    plan = TAP_PLAN.search(text)
    return bool(plan) and len(TAP_LINE.findall(text)) == int(plan.group().rpartition(".")[2])


def told(entry, forgiven=()):
    """The lines of a failed program that say why: its failed cases, but those forgiven, with what they print, or else its
    last words."""
    text = entry.get("stdout") or ""
    if TAP_PLAN.search(text):
        blocks = re.findall(r"^not ok\b.*\n(?:(?!ok\b|not ok\b|\d+\.\.).*\n?)*", text, re.M)
        blocks = [block for block in blocks if block.splitlines()[0].partition(" - ")[2].strip() not in forgiven]
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


def tell(verdict, entry, what=None, forgiven=()):
    print("\n    ".join([f"{verdict}: {what or entry['name']} ({entry['result']})", *told(entry, forgiven)]))


def runs_again(path):
    """[entry] of what ran again; nothing where there is no such log."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as log:
        return [json.loads(line) for line in log]


def forgive(ran, again):
    """Tells what passed when it ran again. Whole programs take their new place in `ran`; returns {name: [cases]} of others."""
    forgiven = {}
    for entry in again:
        if entry["result"] != "OK":
            continue
        name, case = entry["name"], entry["case"]
        if case:
            others = [c for c in failed_names(ran[name]) if c != case]
            tell("passed only when it was run again", ran[name], f"{name}: {case}", others)
            forgiven.setdefault(name, []).append(case)
        else:
            tell("passed only when it was run again", ran[name])
            ran[name] = entry
    return forgiven


def failed_names(entry):
    return [name.strip() for name in re.findall(r"^not ok\b[^-#\n]* - ([^#\n]*)", entry.get("stdout") or "", re.M)]


def main():
    status = int(os.environ.get("MATRIZ_MESON_STATUS", "0"))
    ran = entries(sys.argv[1])
    if not ran:
        print("no test was run", file=sys.stderr)
    failed_at_first = sum(map(failed, ran.values()))
    forgiven = forgive(ran, runs_again(sys.argv[2]) if len(sys.argv) > 2 else [])
    passed = failures = skipped = 0
    for name, entry in ran.items():
        good, bad, not_run = count_test(entry)
        better = len(forgiven.get(name, []))
        passed, failures, skipped = passed + good + better, failures + bad - better, skipped + not_run
        if bad > better:
            tell("failed", entry, forgiven=forgiven.get(name, []))
    if not failures and status not in (0, failed_at_first):
        failures = 1  # Meson saw a fault that no test's output shows; the counts must not say that all is well.
    sys.stdout.flush()
    print(f"{passed} passed, {failures} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if passed and not failures else 1


if __name__ == "__main__":
    sys.exit(main())
