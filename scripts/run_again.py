#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""run_again.py BUILD SUITE[,SUITE...] MULTIPLIER LOG AGAIN

What failed of these suites, by the testlog.json LOG of a `meson test` run in BUILD, runs again: alone, one after another, up
to twice each. AGAIN gets a JSON line for each, which count_tests.py reads.

A failed case of a TAP program runs without the others, by its name on the program's command line; where no name tells
what failed, as after a crash or when time ran out, the whole program runs. More than a few failures are no accident:
then nothing runs again, and all of them count.
"""
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from count_tests import TAP_PLAN, count_output, entries, failed, is_complete  # noqa: E402  pylint: disable=wrong-import-position

MAY_RUN_AGAIN = 8
TRIES = 2
FAILED_CASE = re.compile(r"^not ok\b(?: +\d+)?(?: +- +([^#\n]*))?", re.M)
CASE_NAME = re.compile(r"\w+\.\w+")
TIME_TO_CLEAN_UP = 45.0  # seconds from SIGTERM to SIGKILL: tests end what they started


def failed_cases(entry):
    """The names of the cases that failed; [None], the whole program, where not all of them have a name that it takes."""
    text = entry.get("stdout") or ""
    names = [name.strip() for name in FAILED_CASE.findall(text)] if TAP_PLAN.search(text) else []
    by_name = any(word.endswith(".py") for word in entry.get("command") or []) and is_complete(text)
    # A case that fails makes the program exit with 1. Any other status, or a signal, is a failure of its own.
    if names and by_name and entry.get("returncode") == 1 and all(CASE_NAME.fullmatch(name) for name in names):
        return names
    return [None]


def introspect(build):
    done = subprocess.run(["meson", "introspect", "--tests", build], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return json.loads(done.stdout)


def candidates(tests, wanted, log):
    """[(test as Meson knows it, entry of the log, case or None)] of what failed in the wanted suites, in the log's order."""
    known = {}
    for test in tests:
        for suite in wanted.intersection(s.rpartition(":")[2] for s in test["suite"]):
            known[suite, test["name"]] = test
    found = []
    for name, entry in entries(log).items():
        suites, _, program = name.rpartition(" / ")  # "matriz:integration / mesh": another suite may have one of that name
        suite = next(iter(wanted.intersection(re.split("[:+]", suites)[1:])), None)
        test = known.get((suite, program))
        if test and failed(entry):
            found += [(test, entry, case) for case in failed_cases(entry)]
    return found


def run(test, case, build, multiplier):
    """One try; an entry as in Meson's log."""
    argv = [*test["cmd"], *([case] if case else [])]
    timeout = test["timeout"] * multiplier if test.get("timeout") else None
    with subprocess.Popen(argv, env={**os.environ, **test["env"]}, cwd=test.get("workdir") or build, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        late = False
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            late = True
            process.terminate()
            try:
                out, err = process.communicate(timeout=TIME_TO_CLEAN_UP)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
    return {"stdout": out, "stderr": err, "returncode": process.returncode, "command": argv,
            "result": "TIMEOUT" if late else "OK" if is_good(out, process.returncode) else "FAIL"}


def is_good(text, status):
    """Did it end well, having run all that it announced, and at least one case that it did not skip?"""
    counts = count_output(text)
    if status != 0 or counts is None:
        return status == 0
    passed, bad, _ = counts
    return passed > 0 and bad == 0 and is_complete(text)


def main():
    build, suites, multiplier, log, again = sys.argv[1:]
    late = candidates(introspect(build), set(suites.split(",")), log)
    if len(late) > MAY_RUN_AGAIN:
        print(f"{len(late)} failures in {suites}: too many to run again")
        return
    with open(again, "w", encoding="utf-8") as out:
        for test, entry, case in late:
            for number in range(1, TRIES + 1):
                done = run(test, case, build, float(multiplier))
                print(f"run again ({number} of {TRIES}): {test['name']} {case or '(whole)'}: {done['result']}", flush=True)
                if done["result"] == "OK":
                    break
            out.write(json.dumps({"name": entry["name"], "case": case, "tries": number, **done}) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
