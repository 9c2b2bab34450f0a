# SPDX-License-Identifier: GPL-3.0-or-later
"""What ./dev lint looks at: every script, whatever its name ends with."""
import os
import subprocess
import tempfile
import unittest

from harness.case import main

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
SPDX = "# SPDX-License-Identifier: GPL-3.0-or-later\n"


class LintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = folder.name
        subprocess.run(["git", "init", "-q", self.tree], check=True)

    def write(self, name, text):
        with open(os.path.join(self.tree, name), "w", encoding="utf-8") as out:
            out.write(text)

    def lint(self, function):
        """(found nothing, what it said)"""
        done = subprocess.run(["bash", "-c", f'root=$1; python=/usr/bin/python3; . "$2/scripts/lint.sh"; {function}', "lint", self.tree, ROOT],
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        self.assertEqual(done.stderr, "")
        return done.returncode == 0, done.stdout

    def test_scripts_are_known_by_their_first_line(self):
        for name, text in (("a.py", ""), ("b", "#!/usr/bin/python3\n"), ("c", "#!/usr/bin/env python3.11\n"), ("d.sh", ""),
                           ("e", "#!/bin/sh\n"), ("f", "#!/usr/bin/env bash\n"), ("g", "#!/usr/bin/make -f\n"), ("h", "sh\n")):
            self.write(name, text)
        self.assertEqual(self.lint("python_scripts"), (True, "a.py\nb\nc\n"))
        self.assertEqual(self.lint("shell_scripts"), (True, "d.sh\ne\nf\n"))

    def test_syntax(self):
        self.write("good", "#!/usr/bin/python3\nprint(1)\n")
        self.assertEqual(self.lint("lint_python"), (True, ""))
        self.write("bad", "#!/usr/bin/python3\nprint(1\n")
        found_nothing, said = self.lint("lint_python")
        self.assertFalse(found_nothing)
        self.assertIn("bad:2: ", said)

    def test_licence_and_size(self):
        for name in ("python", "shell"):
            self.write(name, f"#!/bin/{name.replace('shell', 'sh')}\n{SPDX}")
        self.assertEqual(self.lint("lint_sources"), (True, ""))
        self.write("unlicensed", "#!/usr/bin/python3\n")
        self.write("long", f"#!/bin/sh\n{SPDX}" + "true\n" * 500)
        found_nothing, said = self.lint("lint_sources")
        self.assertFalse(found_nothing)
        self.assertIn("unlicensed: the SPDX line is missing", said)
        self.assertIn("long: 502 lines", said)


if __name__ == "__main__":
    main()
