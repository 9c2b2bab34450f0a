# SPDX-License-Identifier: GPL-3.0-or-later
"""Two places and a config server, each on a machine of its own: network namespaces on one switch, real programs."""
import json
import os

import appliance
from harness.case import StageCase
from harness.jack import ENVIRONMENT
from harness.wait import wait_for

ADDRESSES = {"porto": "10.66.0.1", "lisboa": "10.66.0.2", "server": "10.66.0.3"}


class PlacesCase(StageCase):
    """`self.spaces`: the namespace of porto, lisboa and server; each has its cable's end as "cable"."""

    def setUp(self):
        super().setUp()
        self.spaces = {}
        for number, name in enumerate(("switch", *ADDRESSES)):
            space = self.spaces[name] = f"mzp{os.getpid()}-{number}"
            self.ip("netns", "add", space)
            self.stage.defer(lambda space=space: appliance.run("ip", "netns", "del", space))
            self.ip("-n", space, "link", "set", "lo", "up")
        switch = self.spaces["switch"]
        self.ip("-n", switch, "link", "add", "switch", "type", "bridge")
        self.ip("-n", switch, "link", "set", "switch", "up")
        for name, address in ADDRESSES.items():
            self.ip("link", "add", "cable", "netns", self.spaces[name], "type", "veth", "peer", "name", name, "netns", switch)
            self.ip("-n", switch, "link", "set", name, "master", "switch", "up")
            self.ip("-n", self.spaces[name], "addr", "add", f"{address}/24", "dev", "cable")
            self.ip("-n", self.spaces[name], "link", "set", "cable", "up")

    def ip(self, *argv):
        done = appliance.run("ip", *argv)
        self.assertEqual(done.returncode, 0, f"ip {argv}: {done.stderr}")

    def inside(self, name, *argv):
        return ["ip", "netns", "exec", self.spaces[name], *map(str, argv)]

    def run_inside(self, name, *argv):
        done = appliance.run(*self.inside(name, *argv))
        self.assertEqual(done.returncode, 0, f"{argv}: {done.stderr}")
        return done.stdout

    def start(self, **config):
        """The server, and both places with these keys in their configs."""
        build = appliance.build_dir()
        jack = self.stage.jack()
        self.configs = {name: os.path.join(self.stage.folder, f"{name}.json") for name in ADDRESSES}
        places = [name for name in ADDRESSES if name != "server"]
        appliance.write(self.configs["server"], json.dumps(
            {"client_keys": [{"name": name, "key": f"key of {name}"} for name in places]}))
        server = self.stage.process("server", self.inside(
            "server", f"{build}/configserver/matriz-configserver", "--listen", "0.0.0.0:5000", self.configs["server"]))
        server.wait_log("listening on ")
        for name in places:
            appliance.write(self.configs[name], json.dumps({
                "name": name, "key": f"key of {name}", "url": f"ws://{ADDRESSES['server']}:5000/config", "jack_client": name,
                "jack_server": jack.name, "jack_connect": "none", "port_mapping": "off",
                "state_dir": os.path.join(self.stage.folder, f"state of {name}"), **config}))
            self.stage.process(name, self.inside(name, f"{build}/node/matriz", self.configs[name]), env=ENVIRONMENT)

    def status(self, name):
        """What `name` says of itself; {} while it says nothing."""
        done = appliance.run(*self.inside(name, os.path.join(appliance.build_dir(), "matrizctl/matrizctl"), "status", "--json"))
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def peer(self, name):
        """What `name` knows of the other place; None while it does not play it."""
        peers = self.status(name).get("peers")
        return peers[0] if peers and peers[0]["state"] == "playing" else None

    def wait_playing(self, timeout):
        """Until both play, and packets come."""
        for name in ("porto", "lisboa"):
            before = wait_for(lambda name=name: self.peer(name), timeout, f"{name} to play")["received"]
            wait_for(lambda name=name, before=before: (self.peer(name) or {}).get("received", before) != before, timeout,
                     f"more sound at {name}")
