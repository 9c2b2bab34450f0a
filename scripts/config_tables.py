#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the tables of docs/configuration.md from what the built programs say of their configs.

usage: scripts/config_tables.py [--check] BUILD_DIR
--check writes nothing, and fails where the page says something else than a program.
"""
import os
import re
import shlex
import subprocess
import sys

PAGE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../docs/configuration.md")
PROGRAMS = {"client.json": "node/matriz", "clients.json": "configserver/matriz-configserver"}


def table(build, program):
    # How to run what was built for another machine.
    wrapper = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
    done = subprocess.run([*wrapper, os.path.join(build, program), "--help-config=markdown"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=True)
    return done.stdout


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    check = len(arguments) != len(sys.argv) - 1
    if len(arguments) != 1:
        sys.exit(__doc__)
    with open(PAGE, encoding="utf-8") as page:
        before = text = page.read()
    for name, program in PROGRAMS.items():
        marks = re.compile(rf"(<!-- keys of {re.escape(name)} -->\n).*?(<!-- end -->)", re.S)
        text, found = marks.subn(lambda m: m[1] + table(arguments[0], program) + m[2], text)
        if found != 1:
            sys.exit(f"docs/configuration.md has {found} places for the keys of {name}; there should be one")
    if text == before:
        return
    if check:
        sys.exit("docs/configuration.md says something else than the programs; run scripts/config_tables.py build")
    with open(PAGE, "w", encoding="utf-8") as page:
        page.write(text)


main()
