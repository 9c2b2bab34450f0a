# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab itself: is each router the kind of NAT that it says?"""
import os
import re
import socket
import unittest

from harness import natlab, turn
from harness.case import StageCase, main
from harness.nat_probe import NatProbe
from harness.programs import ROOT
from harness.wait import wait_for

INDEPENDENT, ADDRESS, BOTH = "endpoint-independent", "address-dependent", "address- and port-dependent"
WHAT_IT_IS = {
    "open": ("none", INDEPENDENT),
    "full": (INDEPENDENT, INDEPENDENT),
    "address": (INDEPENDENT, ADDRESS),
    "port": (INDEPENDENT, BOTH),
    "symmetric": (BOTH, BOTH),
}


def listen(address, kind=socket.SOCK_STREAM, port=0):
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    made.bind((address, port))
    made.settimeout(5)
    if kind == socket.SOCK_STREAM:
        made.listen(5)
    return made


def connect(target, timeout=5):
    with socket.create_connection(target[:2], timeout=timeout) as link:
        return link.getsockname()[0]


@unittest.skipIf(natlab.why_not(), natlab.why_not())
class NatLabTest(StageCase):
    def setUp(self):
        super().setUp()
        self.lab = natlab.Lab()
        self.stage.defer(self.lab.close)

    def probe(self):
        probe = NatProbe(self.lab)
        self.stage.defer(probe.close)
        return probe

    def test_kinds(self):
        probe = self.probe()
        found = {}
        for kind in WHAT_IT_IS:
            site = self.lab.site(f"home-{kind}", kind)
            first, second = site.host("first"), site.host("second")
            with self.subTest(kind):
                found[kind] = (probe.mapping(first), probe.filtering(first))
                print(f"# {kind}: mapping {found[kind][0]}, filtering {found[kind][1]}", flush=True)
                self.assertEqual(found[kind], WHAT_IT_IS[kind])
                # A second host behind the same router is no other.
                self.assertEqual((probe.mapping(second), probe.filtering(second)), WHAT_IT_IS[kind])

    def test_two_hosts_with_one_port(self):
        """Two hosts of one home that use the same port get an outer port each, and each its own packets."""
        probe = self.probe()
        for kind in ("full", "address", "port"):
            site = self.lab.site(f"home-{kind}", kind)
            socks = [h.call(listen, h.address4, socket.SOCK_DGRAM, 5000) for h in (site.host("first"), site.host("second"))]
            try:
                seen = [probe.seen(sock, "home") for sock in socks]
                self.assertNotEqual(*seen, kind)
                self.assertEqual(seen, [probe.seen(sock, "port") for sock in socks], kind)
                for sock, outside in zip(socks, seen):
                    probe.answer("home", outside, str(outside).encode())
                    self.assertEqual(sock.recv(100), str(outside).encode(), kind)
            finally:
                for sock in socks:
                    sock.close()

    def test_unasked_packet_costs_no_mapping(self):
        """Whose hole punching is late must not find its outer port taken by the packet of who was early."""
        probe = self.probe()
        host = self.lab.site("home", "port").host("host")
        with host.call(listen, host.address4, socket.SOCK_DGRAM) as sock:
            outside = probe.seen(sock, "home")
            probe.answer("both", outside, b"early")
            self.assertEqual(probe.seen(sock, "both"), outside)

    def test_strict_homes(self):
        probe = self.probe()
        relay_only = self.lab.site("relay-only", "relay-only").host("host")
        blocked = self.lab.site("blocked", "blocked").host("host")
        with self.lab.internet.call(listen, natlab.SERVER4, socket.SOCK_DGRAM, 3478) as turn, \
             self.lab.internet.call(listen, natlab.SERVER4, port=self.lab.control_port) as control, \
             self.lab.internet.call(listen, natlab.SERVER4) as other:
            for host, to_turn, to_other in ((relay_only, True, True), (blocked, False, False)):
                self.assertFalse(probe.passes_udp(host), host.site.kind)
                with host.call(listen, host.address4, socket.SOCK_DGRAM) as sock:
                    turn.settimeout(5 if to_turn else 0.5)
                    sock.sendto(b"to the relay", (natlab.SERVER4, 3478))
                    if to_turn:
                        turn.sendto(b"and back", turn.recvfrom(100)[1])
                        self.assertEqual(sock.recv(100), b"and back")
                    else:
                        self.assertRaises(socket.timeout, turn.recvfrom, 100)
                host.call(connect, control.getsockname())
                if to_other:
                    host.call(connect, other.getsockname())
                else:
                    self.assertRaises(OSError, host.call, connect, other.getsockname(), 1)

    @unittest.skipIf(turn.why_not(), turn.why_not())
    def test_turn(self):
        """coturn answers, relays, and knows its secret; even for whom no other UDP gets out."""
        server = turn.Turn(self.stage.folder, self.lab)
        self.stage.defer(server.stop)
        server.start()
        for families, address in (((4,), natlab.SERVER4), ((6,), natlab.SERVER6)):
            host = self.lab.site(f"home{families[0]}", "relay-only", families).host("host")
            # Two clients in one, which send each other ten packets through the relay.
            client = ["turnutils_uclient", "-y", "-c", "-n", "10", "-m", "1", "-l", "100", "-u", "anna", "-p", "3478",
                      *(["-x"] if 6 in families else [])]
            told = host.run(*client, "-W", turn.SECRET, address)
            self.assertIn("tot_send_msgs=20, tot_recv_msgs=20\n", told)  # the sum of both
            with self.assertRaises(ValueError):
                host.run(*client, "-W", "another secret", address)

    @unittest.skipIf(turn.why_not(), turn.why_not())
    def test_turn_as_deployed(self):
        """coturn takes every line of docs/deploy.md, and relays with them to the outside only."""
        with open(os.path.join(ROOT, "docs", "deploy.md"), encoding="utf-8") as page:
            lines = re.search(r"/etc/turnserver.conf <<'END'\n(.*?\n)END", page.read(), re.S).group(1)
        server = turn.Turn(self.stage.folder, self.lab)
        with open(server.config_path, "w", encoding="utf-8") as out:
            out.write(lines + f"log-file=stdout\nsimple-log\npidfile={self.stage.folder}/pid\nuserdb={self.stage.folder}/db\n")
        process = self.stage.process("coturn", self.lab.internet.on(["turnserver", "-c", server.config_path]))

        def listens():
            with open(f"/proc/{process.pid}/net/tcp", encoding="ascii") as table:
                return any(f":{3479:04X} " in line.split(":", 1)[1] for line in table.readlines()[1:])
        wait_for(listens, 10, "coturn to listen")
        self.assertNotRegex(process.log(), "Bad configuration|Unknown|WRONG")
        host = self.lab.site("home", "port").host("host")
        told = host.run("turnutils_uclient", "-y", "-c", "-n", "10", "-m", "1", "-l", "100", "-u", "anna", "-p", "3479",
                        "-W", re.search("static-auth-secret=(.*)", lines).group(1), natlab.SERVER4)
        self.assertIn("tot_send_msgs=20, tot_recv_msgs=20\n", told)

    def test_homes_are_apart(self):
        """The same private address twice, and neither reaches the other's; what is open is reached."""
        here, there = (self.lab.site(name, "port").host("host") for name in ("here", "there"))
        self.assertEqual(here.address4, there.address4)
        public = self.lab.site("public", "open").host("host")
        with public.call(listen, public.address4) as door:
            self.assertEqual(here.call(connect, door.getsockname()), here.address4)
            self.assertEqual(door.accept()[1][0], here.site.wan4)
        with there.call(listen, there.address4) as door:
            self.assertRaises(OSError, public.call, connect, (there.site.wan4, door.getsockname()[1]), 1)

    def test_ipv6(self):
        """Addresses of their own; out goes everything, in comes what was asked for."""
        home = self.lab.site("home", "port", families=(6,)).host("host")
        both = self.lab.site("both", "open", families=(4, 6)).host("host")
        self.assertIsNone(home.address4)
        with both.call(listen, both.address6) as door:
            home.call(connect, door.getsockname())
            self.assertEqual(door.accept()[1][0], home.address6)
        with home.call(listen, home.address6) as door:
            self.assertRaises(OSError, both.call, connect, door.getsockname(), 1)

    def test_cable_and_addresses(self):
        probe = self.probe()
        site = self.lab.site("home", "port")
        host = site.host("host")
        old = site.wan4
        self.assertEqual(self.seen_at(probe, host), old)
        host.unplug()
        self.assertFalse(probe.passes_udp(host))
        host.plug()
        wait_for(lambda: probe.passes_udp(host), 10, "the network to be back")
        site.move(77)
        self.assertEqual(self.seen_at(probe, host), "203.0.113.77")
        host.set_address("192.168.1.99")
        self.assertEqual(self.seen_at(probe, host), "203.0.113.77")
        self.assertNotIn("192.168.1.10/", host.run("ip", "addr"))

    def seen_at(self, probe, host):
        with host.call(listen, host.address4, socket.SOCK_DGRAM) as sock:
            return probe.seen(sock, "home")[0]

    def test_nothing_is_left(self):
        lab = natlab.Lab()
        spaces = [lab.internet, lab.site("home", "symmetric").router]
        inodes = {os.stat(space.path).st_ino for space in spaces}
        self.assertEqual(len(inodes), 2)
        lab.close()
        held = {os.stat(f"/proc/self/fd/{n}").st_ino for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")}
        self.assertFalse(inodes & held)
        tasks = {os.stat(f"/proc/self/task/{n}/ns/net").st_ino for n in os.listdir("/proc/self/task")}
        self.assertFalse(inodes & tasks)


if __name__ == "__main__":
    main()
