# SPDX-License-Identifier: GPL-3.0-or-later
"""matrizctl doctor on a place where nothing runs, against real config servers and a real JACK."""
import datetime
import json
import os
import socket
import unittest

import appliance
from harness.case import StageCase, main
from harness.certificates import Authority
from harness.jack import ENVIRONMENT
from harness.wait import wait_for
from test_ports import Home, can_make_namespaces

CTL = os.path.join(appliance.build_dir(), "matrizctl/matrizctl")


class DoctorCase(StageCase):
    def doctor(self, status, inside=(), **config):
        """{subject: finding} of a place with this config. `inside`: what to start it with, to be elsewhere."""
        control = self.stage.block.take()
        path = os.path.join(self.stage.folder, "client.json")
        appliance.write(path, json.dumps({"name": "porto", "key": "key-of-porto", "control": f"127.0.0.1:{control}",
                                          "port": self.stage.block.take(), **config}))
        root = appliance.raspberry_pi(os.path.join(self.stage.folder, f"root-{control}"))
        appliance.write(os.path.join(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"), "ondemand\n")
        done = appliance.run(*inside, CTL, "doctor", "--json", "--config", path, "--root", root, env={**os.environ, **ENVIRONMENT})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return {finding["subject"]: finding for finding in json.loads(done.stdout)}


class DoctorTest(DoctorCase):
    def test_server_that_takes_the_key_and_reaches_us(self):
        jack = self.stage.jack()
        server = self.stage.server({"porto": "key-of-porto"}).start()
        found = self.doctor(1, url=server.url, jack_server=jack.name)
        self.assertEqual(found["node"]["verdict"], "bad")  # none runs
        self.assertEqual(found["config"]["verdict"], "good")
        self.assertEqual((found["server"]["verdict"], found["from outside"]["verdict"]), ("good", "good"), found)
        self.assertIn("for the name porto", found["server"]["text"])
        self.assertEqual(found["JACK"]["text"], "runs at 48000 Hz, 64 frames a period")
        self.assertEqual(found["sound card"]["verdict"], "good")
        self.assertEqual(found["CPU speed"]["verdict"], "warning")
        self.assertEqual(found["packet size"]["verdict"], "good")

    def test_it_shows_the_identity_that_is_there_and_makes_none(self):
        """Who has pinned this place's certificate is not told that it has another one, or none, when the doctor looks."""
        jack = self.stage.jack()
        server = self.stage.server({"porto": "key-of-porto", "lisboa": "key-of-lisboa"}).start()
        friend = self.stage.node("lisboa", jack, server.url, trust="pinned").start()
        state = os.path.join(self.stage.folder, "state")
        self.doctor(1, url=server.url, jack_server=jack.name, state_dir=state)
        self.assertFalse(os.path.exists(os.path.join(state, "identity.pem")))
        porto = self.stage.node("porto", jack, server.url, state_dir=state).start()
        wait_for(lambda: friend.peers().get("porto", {}).get("state") == "playing", 30, "porto to be heard and pinned")
        porto.leave()
        wait_for(lambda: "porto" not in friend.peers(), 20, "porto to be gone")
        found = self.doctor(1, url=server.url, jack_server=jack.name, state_dir=state)
        self.assertEqual((found["identity"]["verdict"], found["server"]["verdict"]), ("good", "good"), found)
        self.assertNotIn("is refused", friend.process.log())

    def test_port_that_cannot_be_reached(self):
        server = self.stage.server({"porto": "key-of-porto"}).start()
        with socket.socket() as other:  # has the port, and lets nobody in
            other.bind(("0.0.0.0", 0))
            found = self.doctor(1, url=server.url, port=other.getsockname()[1])
        self.assertEqual((found["server"]["verdict"], found["from outside"]["verdict"]), ("good", "bad"), found)
        self.assertIn("which another program here has", found["from outside"]["text"])

    def test_wrong_key(self):
        server = self.stage.server({"porto": "another"}).start()
        found = self.doctor(1, url=server.url)
        self.assertEqual(found["server"]["verdict"], "bad")
        self.assertIn("key", found["server"]["text"])

    def test_certificate(self):
        authority = Authority(self.stage.folder, "authority")
        soon = (datetime.datetime.utcnow() + datetime.timedelta(days=5)).strftime("%Y%m%d%H%M%SZ")
        for name, end, trusts, verdicts in (
                ("good", "20991231235959Z", authority.certificate, ("good", "good")),
                ("short", soon, authority.certificate, ("good", "warning")),
                ("over", "20210101000000Z", authority.certificate, ("bad", "bad")),
                ("strange", "20991231235959Z", "", ("bad", "good"))):
            with self.subTest(name):
                certificate, key = authority.issue(name, "IP:127.0.0.1", end=end)
                server = self.stage.server({"porto": "key-of-porto"}, extra={"tls_crt": certificate, "tls_key": key}).start()
                found = self.doctor(1, url=server.url.replace("ws://", "wss://"), ca_crt=trusts)
                self.assertEqual((found["server"]["verdict"], found["certificate"]["verdict"]), verdicts, found)
                server.stop()

    def test_no_server(self):
        port = self.stage.block.take()
        found = self.doctor(1, url=f"ws://127.0.0.1:{port}/config")
        self.assertEqual(found["server"]["verdict"], "bad")
        self.assertNotIn("from outside", found)

    def test_something_else_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            other.listen()
            found = self.doctor(1, url=f"ws://127.0.0.1:{other.getsockname()[1]}/config")
        self.assertEqual(found["server"]["verdict"], "bad")

    def test_bad_config(self):
        found = self.doctor(1, port=70000)
        self.assertIn("port: 70000 is out of range", found["config"]["text"])

    def test_usage(self):
        for options in (["--config"], ["doctor", "--root"], ["doctor", "status"]):
            self.assertEqual(appliance.run(CTL, *options).returncode, 2)


@unittest.skipUnless(can_make_namespaces(), "no right to make network namespaces here")
class WayTest(DoctorCase):
    def test_tunnel_that_takes_too_much(self):
        """A router on the way, through whose other side audio's largest packets do not fit."""
        home = Home(self.stage)
        clients = os.path.join(self.stage.folder, "clients.json")
        appliance.write(clients, json.dumps({"client_keys": [{"name": "porto", "key": "key-of-porto"}]}))
        server = self.stage.process("server", home.inside("wan", os.path.join(
            appliance.build_dir(), "configserver/matriz-configserver"), "--listen", "0.0.0.0:5000", clients))
        server.wait_log("listening on ")

        def look():
            return self.doctor(1, home.inside("lan"), url="ws://5.5.5.9:5000/config", jack_server="nobody")
        found = look()
        self.assertEqual(found["way out"]["verdict"], "good", found)
        self.assertIn(found["big packets"]["verdict"], ("good", "note"), found)
        home.run("router", "ip", "link", "set", "to-wan", "mtu", "1000")
        found = look()
        self.assertEqual(found["big packets"]["verdict"], "bad", found)
        self.assertIn("only 1000 bytes fit on the way to 5.5.5.9:3478", found["big packets"]["text"])


if __name__ == "__main__":
    main()
