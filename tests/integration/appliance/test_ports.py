# SPDX-License-Identifier: GPL-3.0-or-later
"""The router opens its ports for a node: real miniupnpd (UPnP-IGD and NAT-PMP) on a router made of network namespaces."""
import json
import os
import re
import shutil
import subprocess
import time
import unittest

import appliance
from harness.case import StageCase, main
from harness.wait import wait_for

OUTER = "5.5.5.1"  # miniupnpd works on no address that could be private or for documentation

RULES = """
table inet filter {
    chain miniupnpd {
    }
    chain prerouting_miniupnpd {
    }
    chain postrouting_miniupnpd {
    }
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname "to-lan" accept
        jump miniupnpd
    }
    chain prerouting {
        type nat hook prerouting priority -100;
        jump prerouting_miniupnpd
    }
    chain postrouting {
        type nat hook postrouting priority 100;
        jump postrouting_miniupnpd
        oifname "to-wan" masquerade
    }
}
"""


def can_make_namespaces():
    if os.getuid() != 0 or not shutil.which("ip") or not shutil.which("nft"):
        return False
    name = f"matriz-try-{os.getpid()}"
    made = appliance.run("ip", "netns", "add", name).returncode == 0
    appliance.run("ip", "netns", "del", name)
    return made


class Home:
    """A node's machine `lan`, a router with NAT, and a machine `wan` on the internet."""

    def __init__(self, stage):
        self._stage = stage
        self._tag = f"mz{os.getpid()}"
        self.spaces = {}
        for place in ("lan", "router", "wan"):
            name = self.spaces[place] = f"{self._tag}-{place}"
            self.ip("netns", "add", name)
            stage.defer(lambda name=name: appliance.run("ip", "netns", "del", name))
            self.run(place, "ip", "link", "set", "lo", "up")
        self.cable("lan", "192.168.77.2/24", "router", "192.168.77.1/24")
        self.cable("wan", "5.5.5.9/24", "router", f"{OUTER}/24")
        self.run("lan", "ip", "route", "add", "default", "via", "192.168.77.1")
        self.run("router", "sysctl", "-qw", "net.ipv4.ip_forward=1")
        rules = os.path.join(stage.folder, "router.nft")
        appliance.write(rules, RULES)
        self.run("router", "nft", "-f", rules)

    @staticmethod
    def ip(*argv):
        subprocess.run(["ip", *argv], check=True, stdin=subprocess.DEVNULL)

    def inside(self, place, *argv):
        return ["ip", "netns", "exec", self.spaces[place], *argv]

    def run(self, place, *argv):
        done = appliance.run(*self.inside(place, *argv))
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    def cable(self, place, address, other, other_address):
        ends = (f"to-{other}", f"to-{place}")
        self.ip("link", "add", f"{self._tag}a", "type", "veth", "peer", "name", f"{self._tag}b")
        for end, here, name, where in ((f"{self._tag}a", place, ends[0], address),
                                       (f"{self._tag}b", other, ends[1], other_address)):
            self.ip("link", "set", end, "netns", self.spaces[here], "name", name)
            self.run(here, "ip", "addr", "add", where, "dev", name)
            self.run(here, "ip", "link", "set", name, "up")

    def start_router(self, upnp=True, natpmp=True, secure=True):
        config = os.path.join(self._stage.folder, "miniupnpd.conf")
        appliance.write(config, f"""
ext_ifname=to-wan
listening_ip=to-lan
http_port=5555
enable_upnp={'yes' if upnp else 'no'}
enable_natpmp={'yes' if natpmp else 'no'}
secure_mode={'yes' if secure else 'no'}
min_lifetime=10
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
lease_file={self._stage.folder}/leases
uuid=11111111-2222-3333-4444-555555555555
allow 1024-65535 192.168.77.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
""")
        return self._stage.process(f"miniupnpd-{time.monotonic_ns()}", self.inside(
            "router", "miniupnpd", "-d", "-f", config, "-P", os.path.join(self._stage.folder, "miniupnpd.pid")))

    def mapped(self):
        """What the router passes on: "tcp 8554"."""
        # nft cannot name what miniupnpd matches: byte 9 of the IP header is the protocol.
        rules = self.run("router", "nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd")
        return sorted(f"{'tcp' if number == '6' else 'udp'} {port}"
                      for number, port in re.findall(r"@nh,72,8 0x(6|11) th dport (\d+) dnat", rules))


@unittest.skipUnless(shutil.which("miniupnpd"), "there is no miniupnpd here")
@unittest.skipUnless(can_make_namespaces(), "no right to make network namespaces here")
class PortsTest(StageCase):
    def setUp(self):
        super().setUp()
        self.home = Home(self.stage)

    def probe(self, *ports):
        return self.stage.process(f"probe-{time.monotonic_ns()}", self.home.inside(
            "lan", os.path.join(appliance.build_dir(), "tests/probes/ports_probe"), *map(str, ports)))

    ALL = ["tcp 8554", "udp 8600", "udp 8601", "udp 8602", "udp 8603"]

    def opens_and_closes(self, speaks):
        probe = self.probe(8554, 8600, 8603)
        probe.wait_log(rf"open: the router 192\.168\.77\.1 \({speaks}\) lets peers in on TCP 8554 and UDP 8600-8603 of "
                       + re.escape(OUTER), timeout=20)
        self.assertEqual(self.home.mapped(), self.ALL)
        self.assertEqual(probe.stop(), 0)
        self.assertEqual(self.home.mapped(), [])

    def test_natpmp(self):
        self.home.start_router(upnp=False)
        self.opens_and_closes("NAT-PMP")

    def test_upnp(self):
        self.home.start_router(natpmp=False)
        self.opens_and_closes("UPnP")

    def test_sound_of_the_outside_comes_in(self):
        self.home.start_router()
        probe = self.probe(8554, 8600, 8603)
        probe.wait_log("open: ", timeout=20)
        listener = self.stage.process("listener", self.home.inside(
            "lan", "/usr/bin/python3", "-c", "import socket; s = socket.create_server(('', 8554)); print('listens', flush=True);"
            "c, a = s.accept(); c.sendall(b'hello ' + a[0].encode())"))
        listener.wait_log("listens")
        said = self.home.run("wan", "/usr/bin/python3", "-c",
                             f"import socket; print(socket.create_connection(('{OUTER}', 8554), 5).recv(100))")
        self.assertIn("hello 5.5.5.9", said)
        listener.wait_exit()

    def test_router_comes_later_and_restarts(self):
        probe = self.probe(8554, 8600, 8603)
        probe.wait_log("no router: .*forward the ports", timeout=20)
        first = self.home.start_router(natpmp=False)
        probe.wait_log("open: ", timeout=30)
        first.stop()
        said = len(probe.log())
        probe.wait_log("(no router|refused): ", timeout=30, after=said)
        self.home.start_router(natpmp=False)
        probe.wait_log("open: ", timeout=30, after=said)
        self.assertEqual(self.home.mapped(), self.ALL)

    @unittest.skipUnless(shutil.which("upnpc"), "there is no upnpc here to speak for the other machine")
    def test_taken_by_another_machine(self):
        self.home.start_router(natpmp=False, secure=False)
        self.home.run("lan", "upnpc", "-a", "192.168.77.3", "8554", "8554", "TCP")
        wait_for(lambda: self.home.mapped() == ["tcp 8554"], 20, "the other machine's port")
        probe = self.probe(8554, 8600, 8601)
        probe.wait_log(r"partly open: .*UDP 8600-8601.* does not open TCP 8554 \(port 8554 is taken by 192\.168\.77\.3\)", timeout=20)

    def test_node(self):
        """The node itself asks, tells in its status, is reached from outside, and takes the ports back at its end."""
        self.home.start_router(natpmp=False)
        config = os.path.join(self.stage.folder, "porto.json")
        appliance.write(config, json.dumps({"name": "porto", "key": "k", "url": "ws://5.5.5.9:5000/config",
                                            "udp_ports": "8600-8603", "control": "127.0.0.1:8555",
                                            "jack_server": "nobody", "allow": ["5.5.5.0/24"]}))
        node = self.stage.process("node", self.home.inside(
            "lan", os.path.join(appliance.build_dir(), "node/matriz"), config))
        ctl = os.path.join(appliance.build_dir(), "matrizctl/matrizctl")

        def router():
            done = appliance.run(*self.home.inside("lan", ctl, "status", "--json"))
            return json.loads(done.stdout)["router"] if done.returncode == 0 else None
        wait_for(lambda: router() and router()["state"] == "open", 30, "the node's ports")
        self.assertEqual((router()["address"], self.home.mapped()), (OUTER, self.ALL))
        said = self.home.run("wan", "/usr/bin/python3", "-c",
                             f"import socket; s = socket.create_connection(('{OUTER}', 8554), 5);"
                             "s.sendall(b'OPTIONS * RTSP/1.0\\r\\nCSeq: 1\\r\\n\\r\\n'); print(s.recv(100))")
        self.assertIn("RTSP/1.0 200", said)
        self.assertEqual(node.stop(timeout=20), 0)
        self.assertEqual(self.home.mapped(), [])


if __name__ == "__main__":
    main()
