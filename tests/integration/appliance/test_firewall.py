# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewalls of docs/deploy.md, loaded: server and nodes work through them, and nothing else is let in."""
import json
import os
import re
import shutil
import unittest

import appliance
from harness.case import main
from harness.wait import wait_for
from places import ADDRESSES, PlacesCase
from test_ports import can_make_namespaces

REACHES = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"


def rules():
    """(all of the server's, a place's, those of a place that RTSP reaches) as deploy.md has them."""
    with open(os.path.join(appliance.SOURCE, "docs/deploy.md"), encoding="utf-8") as page:
        server, more = re.findall(r"```nft\n(.*?)```", page.read(), re.S)
    first, second = re.findall(r"^ *(?:tcp dport 5000|udp dport 3478) .*\n", server, re.M)
    return server, server.replace(first, "").replace(second, ""), server.replace(first, more).replace(second, "")


class UfwTest(unittest.TestCase):
    def test_lets_in_the_same(self):
        with open(os.path.join(appliance.SOURCE, "docs/deploy.md"), encoding="utf-8") as page:
            ufw = set(re.findall(r"ufw allow ([\d:]+/\w+)", page.read()))
        server, _, place = rules()
        nft = {f"{port.replace('-', ':')}/{protocol}"
               for protocol, port in re.findall(r"^ *(tcp|udp) dport ([\d-]+) accept", server + place, re.M)} - {"22/tcp"}
        self.assertEqual(ufw, nft)


@unittest.skipUnless(shutil.which("nft"), "there is no nft here")
@unittest.skipUnless(can_make_namespaces(), "no right to make network namespaces here")
class FirewallTest(PlacesCase):
    def load(self, name, text):
        path = os.path.join(self.stage.folder, f"{name}.nft")
        appliance.write(path, text)
        self.run_inside(name, "nft", "-f", path)

    def reaches(self, name, other, port):
        return appliance.run(*self.inside(name, "/usr/bin/python3", "-c", REACHES, ADDRESSES[other], port)).returncode == 0

    def test_webrtc(self):
        """The server's ports are open, the places' are not, and everything works."""
        server, place, _ = rules()
        for name, text in (("server", server), ("porto", place), ("lisboa", place)):
            self.load(name, text)
        self.start()
        self.wait_playing(30)
        for name in ("porto", "lisboa"):
            peer = self.peer(name)
            self.assertEqual((peer["transport"], peer["encrypted"]), ("webrtc", True))
        self.assertFalse(self.reaches("lisboa", "porto", 8554))
        wait_for(lambda: self.status("porto")["server"]["reachable"] is False, 30, "the server to have tried")
        doctor = appliance.run(*self.inside("porto", os.path.join(appliance.build_dir(), "matrizctl/matrizctl"), "doctor", "--json",
                                            "--config", self.configs["porto"]))
        found = {finding["subject"]: finding for finding in json.loads(doctor.stdout)}
        self.assertEqual((found["server"]["verdict"], found["way out"]["verdict"]), ("good", "good"), found)
        self.assertEqual(found["from outside"]["verdict"], "note", found)

    def test_rtsp(self):
        """As original nodes and RTSP players come in."""
        server, _, place = rules()
        for name, text in (("server", server), ("porto", place), ("lisboa", place)):
            self.load(name, text)
        self.start(transport="rtsp")
        self.wait_playing(30)
        for name in ("porto", "lisboa"):
            self.assertEqual(self.peer(name)["transport"], "rtsp/udp")
        self.assertTrue(self.reaches("lisboa", "porto", 8554))
        # Something else that listens there is not reached.
        other = self.stage.process("other", self.inside(
            "porto", "/usr/bin/python3", "-c", "import socket, time; s = socket.create_server(('', 8500));"
            "print('listens', flush=True); time.sleep(1000)"))
        other.wait_log("listens")
        wait_for(lambda: self.reaches("porto", "porto", 8500), 10, "the other program")
        self.assertFalse(self.reaches("lisboa", "porto", 8500))


if __name__ == "__main__":
    main()
