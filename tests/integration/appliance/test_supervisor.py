# SPDX-License-Identifier: GPL-3.0-or-later
"""config/supervisord.conf under real supervisord: JACK and the node come up, come back, and go."""
import configparser
import json
import os
import re
import shutil
import signal
import unittest

import appliance
from harness.case import StageCase, main
from harness.jack import Jack
from harness.wait import wait_for


@unittest.skipUnless(shutil.which("supervisord"), "there is no supervisord here")
class SupervisorTest(StageCase):
    def config(self):
        """The file as it is, but for paths, and for root's rights, which a test may not have."""
        folder = self.stage.folder
        with open(os.path.join(appliance.SOURCE, "config/supervisord.conf"), encoding="utf-8") as source:
            text = source.read()
        # A test has not always root's rights, nor is there always a user matriz.
        if appliance.run("prlimit", "--rtprio=95", "--memlock=unlimited", "true").returncode != 0:
            text = re.sub(r"/usr/bin/prlimit .*? --init-groups ", "", text)
        text = text.replace("=matriz --regid=matriz --init-groups", "=root --regid=root --init-groups")
        if os.getuid() != 0:
            text = text.replace("user=root\n", "")
        for path, here in (("/run/matriz-", f"{folder}/"), ("/var/log/matriz-", f"{folder}/"),
                           ("/var/lib/matriz/recordings", folder),
                           ('"/var/lib/matriz"', f'"{folder}/state"'),
                           ("/usr/libexec/matriz/matriz-jackd", f"{appliance.KEEPER} --config {folder}/audio.conf"),
                           ("/usr/bin/matriz ", f"{appliance.build_dir()}/node/matriz "),
                           ("/etc/matriz/client.json", f"{folder}/porto.json")):
            self.assertIn(path, text)
            text = text.replace(path, here)
        path = os.path.join(folder, "supervisord.conf")
        appliance.write(path, text)
        # Logs of the programs beside the others.
        parser = configparser.RawConfigParser(inline_comment_prefixes=(";",))
        parser.read(path)
        for section in parser.sections():
            if section.startswith("program:"):
                parser[section]["stdout_logfile"] = os.path.join(folder, section.split(":")[1] + ".log")
        with open(path, "w", encoding="utf-8") as out:
            parser.write(out)
        return path

    def pid(self, program):
        done = appliance.run("supervisorctl", "-c", self.path, "pid", program)
        return int(done.stdout) if done.stdout.strip().isdigit() else 0

    def test_plays(self):
        jack = Jack(self.stage.folder)  # started by supervisord
        appliance.write(os.path.join(self.stage.folder, "audio.conf"), f"DRIVER=dummy\nSERVER={jack.name}\n")
        node = self.stage.node("porto", jack, "")
        state = os.path.join(self.stage.folder, "state")  # the config leaves it to supervisord's
        appliance.write(node.config_path, json.dumps({**node.config, "state_dir": ""}))
        self.path = self.config()
        supervisord = self.stage.process("supervisord", ["supervisord", "-n", "-c", self.path])
        jack.wait_ports(node.send_port(), timeout=30)
        self.assertEqual(node.status()["name"], "porto")
        self.assertTrue(os.path.exists(os.path.join(state, "identity.pem")))

        first = self.pid("matriz")
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: self.pid("matriz") not in (0, first), 20, "another node")
        wait_for(node.status, 20, "its status")
        keeper = self.pid("jackd")
        self.assertEqual(supervisord.stop(timeout=20), 0)
        for pid in (self.pid("matriz"), keeper):
            self.assertFalse(pid and os.path.exists(f"/proc/{pid}"))
        self.assertEqual(jack.ports(), [])


if __name__ == "__main__":
    main()
