# SPDX-License-Identifier: GPL-3.0-or-later
"""netlab with real packets between real namespaces. Says nothing about punctuality but that nothing comes early."""
import json
import os
import signal
import subprocess
import sys
import textwrap
import unittest

from harness.case import StageCase, main
from harness.netlab import Netlab, why_not
from harness.wait import wait_for

ECHO = textwrap.dedent("""
    import socket
    echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    echo.bind(("", 7000))
    print("listening", flush=True)
    while True:
        data, sender = echo.recvfrom(2000)
        echo.sendto(data, sender)
""")

# Sends COUNT numbered packets, one a millisecond; prints round trips in seconds and the order of arrival.
PING = textwrap.dedent("""
    import json, select, socket, sys, time
    target, count = sys.argv[1], int(sys.argv[2])
    ping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ping.connect((target, 7000))
    trips, order = [], []
    def listen(until):
        while True:
            left = until - time.monotonic()
            if left <= 0 or not select.select([ping], [], [], left)[0]:
                return
            number, sent = ping.recv(2000).decode().split()
            trips.append(time.monotonic() - float(sent))
            order.append(int(number))
    for number in range(count):
        ping.send(f"{number} {time.monotonic()}".encode())
        listen(time.monotonic() + 0.001)
    listen(time.monotonic() + 0.5)
    print(json.dumps({"trips": trips, "order": order}))
""")


@unittest.skipIf(why_not(), why_not())
class NetlabTest(StageCase):
    def network(self, *lines, hosts=("porto", "lisboa")):
        network = Netlab(self.stage.folder, hosts, lines)
        self.stage.defer(network.stop)
        return network.start()

    def echo(self, network, host):
        echo = self.stage.process(f"echo-{host}", network.on(host, [sys.executable, "-c", ECHO]))
        echo.wait_log("listening")

    def ping(self, network, sender, receiver, count=200):
        command = network.on(sender, [sys.executable, "-c", PING, network.address[receiver], str(count)])
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return json.loads(done.stdout)

    def test_nothing_comes_early_or_is_lost(self):
        network = self.network("both * * delay=10")
        self.echo(network, "lisboa")
        heard = self.ping(network, "porto", "lisboa")
        self.assertEqual(heard["order"], list(range(200)))
        self.assertGreaterEqual(min(heard["trips"]), 0.020)
        counts = network.statistics()
        self.assertEqual(counts["porto", "lisboa"]["sent"], 200)
        self.assertEqual(counts["lisboa", "porto"]["sent"], 200)

    def test_directions_differ_and_change_live(self):
        network = self.network("link porto lisboa delay=30")
        self.echo(network, "lisboa")
        trips = self.ping(network, "porto", "lisboa", 50)["trips"]
        self.assertGreaterEqual(min(trips), 0.030)
        network.command("link", "porto", "lisboa", "delay=0", "loss=100")
        self.assertEqual(self.ping(network, "porto", "lisboa", 50)["order"], [])
        with self.assertRaisesRegex(ValueError, "no host is called braga"):
            network.command("link", "braga", "lisboa", "loss=0")
        network.command("both", "porto", "lisboa", "loss=0")
        self.assertEqual(len(self.ping(network, "porto", "lisboa", 50)["order"]), 50)

    def test_loss_duplicates_and_reordering_are_real(self):
        network = self.network("link porto lisboa loss=20 dup=10 reorder=10:20")
        self.echo(network, "lisboa")
        heard = self.ping(network, "porto", "lisboa", 500)
        counts = network.statistics()["porto", "lisboa"]
        self.assertEqual(counts["offered"], 500)
        self.assertEqual(len(heard["order"]), 500 - counts["lost"] + counts["duplicated"])
        self.assertEqual(len(set(heard["order"])), 500 - counts["lost"])
        self.assertNotEqual(heard["order"], sorted(heard["order"]))
        for what in ("lost", "duplicated", "reordered"):
            self.assertGreater(counts[what], 0, what)

    def test_three_hosts_reach_one_another(self):
        network = self.network(hosts=("porto", "lisboa", "montemor"))
        for host in network.hosts:
            self.echo(network, host)
        for sender in network.hosts:
            for receiver in network.hosts:
                self.assertEqual(len(self.ping(network, sender, receiver, 5)["order"]), 5, (sender, receiver))

    def spaces(self, pid):
        """Inode numbers of the network namespaces that a process holds."""
        found = set()
        for name in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.startswith("net:"):
                found.add(target)
        return found

    def in_use(self):
        """Network namespaces that some process is in or holds."""
        found = set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                found.add(os.readlink(f"/proc/{pid}/ns/net"))
                found |= self.spaces(pid)
            except OSError:
                pass
        return found

    def test_nothing_is_left_behind_even_when_killed(self):
        named = lambda: subprocess.run(["ip", "netns", "list"], capture_output=True, check=False).stdout
        before = named()  # others' may be there
        for number in (signal.SIGTERM, signal.SIGKILL):
            network = self.network()
            mine = self.spaces(network.process.pid)
            self.assertEqual(len(mine), 2)
            network.process.signal(number)
            wait_for(lambda p=network.process: not p.running(), 10)
            wait_for(lambda m=mine: not m & self.in_use(), 10, "the namespaces to be gone")
            if number == signal.SIGTERM:
                self.assertFalse(os.path.exists(network.socket))
            self.assertLessEqual(set(named().split()), set(before.split()))


if __name__ == "__main__":
    main()
