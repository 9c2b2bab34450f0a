# SPDX-License-Identifier: GPL-3.0-or-later
"""Man pages say what --help says, and the version is the same everywhere."""
import os
import re
import shutil
import subprocess
import unittest

import appliance

MAN = os.path.join(appliance.SOURCE, "man")


def built(path):
    return os.path.join(appliance.build_dir(), path)


PROGRAMS = {
    "matriz.1": built("node/matriz"),
    "matriz-configserver.1": built("configserver/matriz-configserver"),
    "matrizctl.1": built("matrizctl/matrizctl"),
    "matriz-setup.8": appliance.SETUP,
    "matriz-jackd.8": appliance.KEEPER,
}
OPTION = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
# GLib's own listings, and what a text quotes of others.
FOREIGN = {"--help-all", "--help-glib", "--help-gst", "-S", "-d", "-n"}


def page(name):
    with open(os.path.join(MAN, name), encoding="utf-8") as source:
        return source.read()


def help_of(program):
    return subprocess.run([program, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout


def options_of(text):
    return {option for option in OPTION.findall(text) if option not in FOREIGN}


class ManTest(unittest.TestCase):
    def test_options(self):
        for name, program in PROGRAMS.items():
            with self.subTest(name):
                text = page(name).replace("\\-", "-").replace("\\&", "")
                text = re.sub(r"jackd -d alsa --help", "", text)
                # An option's name ends where roff's own words begin.
                told, known = options_of(text), options_of(help_of(program))
                self.assertEqual({o for o in known if o.startswith("--")} - told, set(), f"{name} lacks them")
                self.assertEqual({o for o in told if o.startswith("--")} - known, set(), f"{program} does not have them")

    def test_keys(self):
        done = appliance.run(os.path.join(appliance.SOURCE, "scripts/man_keys.py"), "--check", appliance.build_dir())
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    @unittest.skipUnless(shutil.which("man"), "there is no man here")
    def test_layout(self):
        for name in sorted(os.listdir(MAN)):
            if re.search(r"\.\d$", name):
                done = appliance.run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", os.path.join(MAN, name))
                self.assertEqual(done.stderr, "", name)

    def test_one_version(self):
        with open(os.path.join(appliance.SOURCE, "meson.build"), encoding="utf-8") as source:
            version = re.search(r"version: '([^']+)'", source.read()).group(1)
        with open(os.path.join(appliance.SOURCE, "debian/changelog"), encoding="utf-8") as source:
            self.assertEqual(re.match(r"matriz \(([^)]+)\)", source.readline()).group(1), version)
        with open(os.path.join(appliance.SOURCE, "NEWS"), encoding="utf-8") as source:
            self.assertEqual(source.readline().split()[:2], ["matriz", version])
        for program in list(PROGRAMS.values())[:3]:
            self.assertIn(version, appliance.run(program, "--version").stdout.split())


if __name__ == "__main__":
    from harness.case import main
    main()
