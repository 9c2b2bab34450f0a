# SPDX-License-Identifier: GPL-3.0-or-later
"""Two nodes, each behind a router: they hear one another whatever the routers are, on the way that status names."""
import copy
import os
import re
import time

from attack_case import AttackCase
from harness import natlab
from harness.case import main
from harness.programs import program, run
from harness.wait import PATIENCE, wait_for
from nat_case import NatCase

# The smaller name makes the offer, the larger one calls: a table with both orders of each two kinds has both roles.
KINDS = ("open", "full", "address", "port", "symmetric", "relay-only")


def expected(first, second):
    """Hole punching works unless each side would have to know a port of the other that is only made for itself."""
    kinds = {first, second}
    if "relay-only" in kinds:
        return "relay"
    return "relay" if kinds in ({"symmetric"}, {"symmetric", "port"}) else "direct"


class NatTableTest(NatCase):
    watchdog_seconds = 600

    def test_table(self):
        homes = {(side, kind): self.lab.site(f"{side}-{kind}", kind).host(f"{side}-{kind}")
                 for side in self.names for kind in KINDS}
        self.serve()
        table = {}
        for first in KINDS:
            for second in KINDS:
                with self.subTest(f"{first} × {second}"):
                    table[first, second] = "failed"
                    table[first, second] = self.cell(homes["anna", first], homes["bruno", second], expected(first, second))
        self.print_table(table)

    def cell(self, first, second, path):
        """The way they took, and how long it took from the start of the second to sound in both directions."""
        folder = os.path.join(self.stage.folder, f"{first.site.kind}-{second.site.kind}")
        started = time.monotonic()
        nodes = self.pair(first, second, folder=folder)
        probe = None
        try:
            probe = self.probe_pair(*nodes)
            heard = time.monotonic() - started
            for node, other in (nodes, nodes[::-1]):
                self.wait_path(node, other, path)
            probe.wait_heard(timeout=15)  # on that path, too
            return f"{path} {heard:.1f}"
        finally:
            for end in (*([probe] if probe else []), *nodes):
                end.stop()

    @staticmethod
    def print_table(table):
        width = 14
        print("# anna behind (rows), bruno behind (columns): way, and seconds from both programs' start to sound both ways")
        print("# " + "".join(f"{kind:<{width}}" for kind in ("", *KINDS)))
        for first in KINDS:
            print("# " + f"{first:<{width}}" + "".join(f"{table[first, second]:<{width}}" for second in KINDS), flush=True)


class WaysTest(NatCase):
    """Where there is a nearer way than through the internet, or none but IPv6."""

    def check(self, first, second, *paths):
        nodes = self.pair(first, second)
        self.probe_pair(*nodes)
        for node, other in (nodes, nodes[::-1]):
            self.wait_path(node, other, *paths)
        return nodes

    def test_same_home(self):
        self.serve()
        site = self.lab.site("home", "symmetric")
        anna, _ = self.check(site.host("first"), site.host("second"), "lan")
        told = run(anna.host.on([program("matrizctl"), "status", "--control", anna.config["control"]]))
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertRegex(told.stdout, r"(?i)bruno.*\blan\b")

    def test_ipv6_only(self):
        self.serve(self.turn.ice_servers(host=natlab.SERVER6))
        self.check(*(self.lab.site(name, "port", (6,)).host(name) for name in ("here", "there")), "direct")

    def test_ipv6_only_by_relay(self):
        self.serve(self.turn.ice_servers(host=natlab.SERVER6))
        self.check(*(self.lab.site(name, "relay-only", (6,)).host(name) for name in ("here", "there")), "relay")

    def test_dual_stack_spares_the_relay(self):
        """Two symmetric NATs need a relay; with IPv6 beside them nobody does."""
        self.serve()
        self.check(*(self.lab.site(name, "symmetric", (4, 6)).host(name) for name in ("here", "there")), "direct")

    def test_one_has_both(self):
        self.serve()
        self.check(self.lab.site("here", "port", (4, 6)).host("here"), self.lab.site("there", "port").host("there"), "direct")

    def test_relay_over_tcp(self):
        """A network without UDP, as in hotels and offices: the TURN server takes TCP as well."""
        self.serve(self.turn.ice_servers(tcp=True))
        self.check(self.lab.site("hotel", "no-udp").host("hotel"), self.lab.site("home", "port").host("home"), "relay")

    def test_relay_over_tcp_at_both_ends(self):
        self.serve(self.turn.ice_servers(tcp=True))
        self.check(*(self.lab.site(name, "no-udp").host(name) for name in ("here", "there")), "relay")

    def test_without_any_server_for_ice(self):
        """Neither STUN nor TURN: who is reachable still is."""
        self.serve(ice_servers=[])
        self.check(self.lab.site("here", "open").host("here"), self.lab.site("there", "port").host("there"), "direct")


class TroubleTest(NatCase):
    """What cannot work is named within ten seconds."""

    def strict(self, kind="relay-only"):
        return (self.lab.site(name, kind).host(name) for name in ("here", "there"))

    def named(self, pattern, nodes):
        since = time.monotonic()
        for node, other in (nodes, nodes[::-1]):
            told = self.wait_reason(node, other, pattern)
            print(f"# {node.name} after {time.monotonic() - since:.1f} s: {told}", flush=True)
            self.assertNotEqual(self.link(node, other).get("state"), "playing")

    def test_wrong_turn_credentials(self):
        self.serve(self.turn.ice_servers(secret="not the one"))
        self.named(r"TURN|relay", self.pair(*self.strict()))

    def test_wrong_turn_credentials_where_they_are_not_needed(self):
        """The next peer may need them: status, log and doctor say so though the sound is there."""
        self.serve(self.turn.ice_servers(secret="not the one"))
        nodes = self.pair(*self.strict("port"))
        self.probe_pair(*nodes)
        for node, other in (nodes, nodes[::-1]):
            self.wait_path(node, other, "direct")
            wait_for(lambda n=node, o=other: "credentials" in (self.link(n, o)["turn_trouble"] or ""), 10,
                     f"{node.name} to name it: {self.link(node, other)}")
            self.assertIsNone(self.link(node, other)["reason"])
            node.process.wait_log("connected without a relay, but the next may need one: .*credentials")
            for words in (["status", "--control", node.config["control"]], ["doctor", "--config", node.config_path]):
                told = run(node.host.on([program("matrizctl"), *words]))
                self.assertIn("credentials", told.stdout, told)

    def test_turn_server_is_gone(self):
        self.turn.stop()
        self.serve()
        self.named(r"TURN|relay", self.pair(*self.strict()))

    def test_blocked(self):
        self.serve()
        self.named(r"UDP|firewall|blocked|no way", self.pair(*self.strict("blocked")))

    def test_blocked_then_opened(self):
        """The firewall lets go: sound, without anybody doing anything."""
        self.serve()
        here, there = self.strict("blocked")
        nodes = self.pair(here, there)
        self.named(r"UDP|firewall|blocked|no way", nodes)
        for host in (here, there):
            host.site.set_kind("port")
        since = time.monotonic()
        self.probe_pair(*nodes, timeout=60)
        print(f"# opened, heard after {time.monotonic() - since:.1f} s", flush=True)


class RelayTest(NatCase):
    """What a TURN server lends is given back: it counts how much one user has, and keeps it for ten minutes."""

    def setUp(self):
        super().setUp()
        self.serve()
        self.nodes = self.pair(*(self.lab.site(name, "relay-only").host(name) for name in ("here", "there")))
        self.probe_pair(*self.nodes)
        for node, other in (self.nodes, self.nodes[::-1]):
            self.wait_path(node, other, "relay")

    def test_one_more_address(self):
        self.assert_kept_beside_another_address(self.nodes[0])

    def lent(self):
        """Allocations that coturn has made and not ended."""
        log = self.turn.process.log()
        made = set(re.findall(r"session (\d+): new, .*lifetime", log))
        self.assertTrue(made, "coturn's log tells of no allocation")
        return made - set(re.findall(r"session (\d+): delete: realm", log))

    def test_given_back(self):
        anna, bruno = self.nodes
        before = self.lent()
        self.assertTrue(before)
        self.assertEqual(bruno.leave(), 0)
        wait_for(lambda: bruno.name not in anna.peers(), 20, "anna to know that bruno left")
        wait_for(lambda: not self.lent(), 20, "coturn to have back what it lent")

    def test_turn_server_is_gone(self):
        """Nobody waits for ever to give it back."""
        anna, bruno = self.nodes
        self.turn.process.kill()
        self.assertEqual(bruno.leave(), 0)
        wait_for(lambda: bruno.name not in anna.peers(), 20, "anna to know that bruno left")
        self.assertEqual(anna.leave(), 0)


class ListTest(AttackCase):
    """What the config server says of who is connected already."""

    def test_seen_at_another_address(self):
        """The server was away, and who has IPv4 and IPv6 came back by the other one: the sound goes on."""
        middle, (anna, bruno), probe = self.meshed()
        connections = [node.process.log().count(": connected (") for node in (anna, bruno)]
        moved = copy.deepcopy(middle.newest_list("anna"))
        next(client for client in moved["clients"] if client["name"] == "bruno")["ip"] = "2001:db8::77"

        def move():
            middle.to_node("anna", moved)
            wait_for(lambda: self.link(anna, bruno)["address"].startswith("[2001:db8::77]:"), 10, "anna to know it")
            self.wait_judged(probe, (bruno, anna), 2)
        self.assert_undisturbed(probe, [(anna, bruno), (bruno, anna)], move)
        self.assertEqual([node.process.log().count(": connected (") for node in (anna, bruno)], connections)


class OutageTest(NatCase):
    """The network goes and comes, or becomes another."""

    def setUp(self):
        super().setUp()
        self.serve()
        self.hosts = [self.lab.site(name, "port").host(name) for name in ("here", "there")]
        self.nodes = self.pair(*self.hosts)
        self.probe = self.probe_pair(*self.nodes)

    def back(self, what, since, mark, limit=None, timeout=30):
        """Waits until sound came back at both after `mark`, and stays; says how long it took from `since`, which must not
        be more than `limit` seconds."""
        took, late = [], []
        for sender, listener in (self.nodes, self.nodes[::-1]):
            wait_for(lambda s=sender, l=listener: self.probe.onset(s, l, mark), timeout,
                     f"the sound of {sender.name} to come back at {listener.name}: {self.link(listener, sender)}")
            seconds = self.probe.onset(sender, listener, mark) - since
            took.append(f"{listener.name} {seconds:.1f} s")
            if limit and seconds > limit * PATIENCE:
                late.append(f"{took[-1]}: {self.link(listener, sender)}")
        self.probe.wait_heard()
        print(f"# {what}: heard again at {', '.join(took)}", flush=True)
        if late:  # for whoever reads why
            print("".join(f"# {node.name}: {line}\n" for node in self.nodes for line in node.process.log().splitlines()[-40:]))
        self.assertFalse(late, f"heard again more than {limit} s after the network was back")

    def changed(self, what, action, limit=None):
        since, mark = time.monotonic(), self.probe.mark()
        action()
        self.back(what, since, mark, limit)

    def cut(self, seconds):
        (anna, bruno), host = self.nodes, self.hosts[0]
        host.unplug()
        self.probe.wait_silent(anna, bruno)
        self.probe.wait_silent(bruno, anna)
        time.sleep(seconds)  # the outage itself
        mark = self.probe.mark()
        host.plug()
        self.back(f"cable out for {seconds} s and more", time.monotonic(), mark, limit=3)

    def test_cable_out_for_a_moment(self):
        self.cut(1)

    def test_cable_out_for_long(self):
        """Longer than ICE's consent lasts, and than the config server waits."""
        self.cut(35)

    def test_another_address_at_home(self):
        self.changed("another address in the LAN", lambda: self.hosts[0].set_address("192.168.1.77"), limit=3)

    def test_one_more_address(self):
        self.assert_kept_beside_another_address(self.nodes[0])
        self.probe.wait_heard()

    def test_another_address_of_the_router(self):
        self.changed("another public address", lambda: self.hosts[0].site.move(77), limit=4)

    def test_into_a_stricter_network(self):
        """On the go from one network to one where only the relay helps."""
        self.changed("into a network that lets only the relay through", lambda: self.hosts[0].site.set_kind("relay-only"),
                     limit=3)
        self.wait_path(*self.nodes, "relay")

    def test_router_forgets(self):
        """Switched off and on: mappings are gone, addresses the same. There need not be a gap."""
        self.hosts[0].site.forget()
        rows = len(self.probe.rows()) + 40  # 5 s of them
        wait_for(lambda: len(self.probe.rows()) >= rows, 20, "the probe to listen for a while")
        self.probe.wait_heard()


if __name__ == "__main__":
    main()
