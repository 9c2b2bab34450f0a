#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the keys of client.json(5) and clients.json(5) from what the built programs say of them.

usage: scripts/man_keys.py [--check] BUILD_DIR
--check writes nothing, and fails where a page says something else than its program.
"""
import os
import re
import subprocess
import sys

PAGES = {
    "client.json.5": ("node/matriz", "--help-config=markdown"),
    "clients.json.5": ("configserver/matriz-configserver", "--help-config=markdown"),
}
MAN = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../man")
MARKS = re.compile(r"(?<=writes what follows\)\n).*?(?=\.\\\" keys: end)", re.S)


def rows(table):
    """The cells of a Markdown table's body."""
    for line in table.splitlines()[2:]:
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4:
            yield [cell.strip("`") for cell in cells]


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace('"', "\\(dq")
    return "\\&" + text if text.startswith((".", "'")) else text


def keys(table):
    out = []
    for name, accepted, default, meaning in rows(table):
        fallback = f" Default: {default}." if default not in ("", "\"\"", "[]", "{}") else ""
        accepted = accepted[:1].upper() + accepted[1:] + ("" if accepted.endswith(".") else ".")
        out += [".TP", f".B {roff(name)}", roff(meaning), ".br", roff(accepted + fallback)]
    return "\n".join(out) + "\n"


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    check = len(arguments) != len(sys.argv) - 1
    if len(arguments) != 1:
        sys.exit(__doc__)
    stale = []
    for page, (program, *options) in PAGES.items():
        table = subprocess.run([os.path.join(arguments[0], program), *options], stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, check=True).stdout
        path = os.path.join(MAN, page)
        with open(path, encoding="utf-8") as source:
            before = source.read()
        after = MARKS.sub(lambda _, table=table: keys(table), before, count=1)
        if after == before:
            continue
        stale.append(page)
        if not check:
            with open(path, "w", encoding="utf-8") as out:
                out.write(after)
    if check and stale:
        sys.exit(f"man/{', man/'.join(stale)}: not what --help-config says; run scripts/man_keys.py {arguments[0]}")


if __name__ == "__main__":
    main()
