# SPDX-License-Identifier: GPL-3.0-or-later
"""The network cable is pulled and put back: both places play again by themselves. Network namespaces, real nodes.

MATRIZ_CABLE_SECONDS says how long it is out; the suite takes long enough for server and peers to notice.
"""
import json
import os
import time
import unittest

import appliance
from harness.case import StageCase, main
from harness.jack import ENVIRONMENT
from harness.wait import wait_for
from test_ports import can_make_namespaces

OUT = float(os.environ.get("MATRIZ_CABLE_SECONDS", "12"))


@unittest.skipUnless(can_make_namespaces(), "no right to make network namespaces here")
class CableTest(StageCase):
    watchdog_seconds = 120 + OUT

    def setUp(self):
        super().setUp()
        self.places = {"porto": f"mzc{os.getpid()}-a", "lisboa": f"mzc{os.getpid()}-b"}
        for space in self.places.values():
            self.ip("netns", "add", space)
            self.stage.defer(lambda space=space: appliance.run("ip", "netns", "del", space))
            self.ip("-n", space, "link", "set", "lo", "up")
        first, second = self.places.values()
        self.ip("link", "add", "cable", "netns", first, "type", "veth", "peer", "name", "cable", "netns", second)
        for number, space in enumerate((first, second), 1):
            self.ip("-n", space, "addr", "add", f"10.66.0.{number}/24", "dev", "cable")
            self.ip("-n", space, "link", "set", "cable", "up")

    def ip(self, *argv):
        done = appliance.run("ip", *argv)
        self.assertEqual(done.returncode, 0, f"ip {argv}: {done.stderr}")

    def start(self, place, name, *argv):
        return self.stage.process(name, ["ip", "netns", "exec", self.places[place], *argv], env=ENVIRONMENT)

    def received(self, place):
        """Packets that `place` has heard of the other; None while it does not play it."""
        done = appliance.run("ip", "netns", "exec", self.places[place],
                             os.path.join(appliance.build_dir(), "matrizctl/matrizctl"), "status", "--json")
        peers = json.loads(done.stdout)["peers"] if done.returncode == 0 else []
        return peers[0]["received"] if peers and peers[0]["state"] == "playing" else None

    def wait_playing(self, timeout):
        """Until both play, and packets come."""
        before = {}
        for place in self.places:
            before[place] = wait_for(lambda place=place: self.received(place), timeout, f"{place} to play")
        for place, count in before.items():
            wait_for(lambda place=place, count=count: (self.received(place) or count) != count, timeout,
                     f"more sound at {place}")

    def test_pulled_and_put_back(self):
        jack = self.stage.jack()
        build = appliance.build_dir()
        keys = [{"name": name, "key": f"key of {name}"} for name in self.places]
        config = os.path.join(self.stage.folder, "clients.json")
        appliance.write(config, json.dumps({"client_keys": keys}))
        self.start("lisboa", "server", f"{build}/configserver/matriz-configserver", "--listen", "0.0.0.0:5000", config)
        for name in self.places:
            config = os.path.join(self.stage.folder, f"{name}.json")
            appliance.write(config, json.dumps({
                "name": name, "key": f"key of {name}", "url": "ws://10.66.0.2:5000/config", "jack_client": name,
                "jack_server": jack.name, "jack_connect": "none", "port_mapping": "off"}))
            self.start(name, name, f"{build}/node/matriz", config)
        self.wait_playing(30)
        first = self.places["porto"]
        self.ip("-n", first, "link", "set", "cable", "down")
        time.sleep(OUT)  # the outage itself
        self.ip("-n", first, "link", "set", "cable", "up")
        start = time.monotonic()
        self.wait_playing(60)
        print(f"# out for {OUT:g} s, both play again after {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
