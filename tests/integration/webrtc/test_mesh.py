# SPDX-License-Identifier: GPL-3.0-or-later
"""Many nodes over WebRTC: all hear all, and who comes and goes leaves nothing behind in those who stay."""
import os
import unittest

from harness.case import main
from harness.tone import Tone
from harness.original_client import OriginalClient
from harness.wait import NotReached, PATIENCE, wait_for
from nat_case import MONITOR_KEY, NatCase

EIGHT = ("anna", "bruno", "carla", "diego", "elisa", "fabio", "greta", "hugo")
ROUNDS = 50
WARM_UP = 40  # visits after which malloc's arenas have become as large as visits make them: some 6 MiB, half of it free
MESH_LIMIT_MS = 5000
JOIN_LIMIT = 1  # seconds, a bound that a busy machine keeps; ./dev bench start measures


@unittest.skipIf((os.cpu_count() or 1) < 2, "eight nodes and 56 streams need two processors")
class EightTest(NatCase):
    watchdog_seconds = 240
    names = EIGHT
    jack_period = 1024  # and long frames: a small machine must be able to carry 56 streams, whose sound is not in question

    def test_eight_hear_one_another(self):
        """They wait for their server; when it comes, all connect to all at once."""
        self.serve().stop()
        studio = self.lab.site("studio", "port").host("studio")
        nodes = [self.node(name, studio, frame=20) for name in self.names]
        self.jack.wait_ports(*(node.send_port() for node in nodes), timeout=60)
        tone = Tone(self.stage.folder, self.jack, [node.send_port() for node in nodes], 700)
        self.stage.defer(tone.stop)
        self.server.start()

        def heard():
            """{listener: those it hears}"""
            return {node.name: {name for name, peer in node.peers().items()
                                if peer["state"] == "playing" and (peer.get("level_dbfs") or -120) > -50} for node in nodes}
        everyone = set(self.names)
        try:
            wait_for(lambda: all(others == everyone - {name} for name, others in heard().items()), 60, "it", 0.2)
        except NotReached:
            self.fail(f"not everyone hears everyone: {heard()}")
        slowest = max(peer["first_sound_ms"] for node in nodes for peer in node.peers().values())
        print(f"# the last of {8 * 7} directions was heard {slowest:.0f} ms after the list that named it", flush=True)
        self.assertLess(slowest, MESH_LIMIT_MS * PATIENCE)
        for node in nodes:
            paths = {name: peer["path"] for name, peer in node.peers().items()}
            self.assertEqual(paths, {name: "lan" for name in everyone - {node.name}})


class JoinTest(NatCase):
    def join(self, monitor, probe, stays, comes):
        """Seconds from the list that names who comes to the sound in both directions."""
        comes.stop()
        for pair in ((stays, comes), (comes, stays)):
            probe.wait_silent(*pair)
        seen, mark = len(monitor.messages), probe.mark()
        comes.start()
        pushed = monitor.wait_message(
            lambda m: m.get("message", "").startswith(f"[{comes.name}] connected")
            and any(m is later for later in monitor.messages[seen:]), f"the list with {comes.name}", timeout=20)
        probe.wait_heard()
        return max(probe.onset(*pair, mark) for pair in probe.pairs) - monitor.arrival_of(pushed)

    def test_heard_at_once(self):
        """Who registers has its certificate ready. The best of three: a machine may be busy with something else."""
        self.serve()
        nodes = self.pair(*(self.lab.site(name, "port").host(name) for name in ("here", "there")))
        probe = self.probe_pair(*nodes)
        monitor = OriginalClient(self.server.url, "monitor", MONITOR_KEY, space=self.lab.internet)
        self.stage.defer(monitor.stop)
        monitor.start()
        took = [self.join(monitor, probe, *order) for order in (nodes, nodes[::-1], nodes)]
        print(f"# from the list to the sound both ways: {', '.join(f'{seconds:.2f} s' for seconds in took)}", flush=True)
        self.assertLess(min(took), JOIN_LIMIT * PATIENCE)


class ChurnTest(NatCase):
    watchdog_seconds = 600

    def setUp(self):
        super().setUp()
        self.serve(names=("anna", "bruno", "carla"))
        home = self.lab.site("home", "port")
        self.host = home.host("first")
        self.anna, self.bruno = self.pair(self.host, home.host("second"))
        self.probe = self.probe_pair(self.anna, self.bruno)
        self.carla = self.node("carla", self.host)

    def playing(self):
        return all(node.peers()["carla"]["state"] == "playing" for node in (self.anna, self.bruno))

    def gone(self):
        return all("carla" not in node.peers() for node in (self.anna, self.bruno))

    def visit(self, number):
        """carla comes, and goes again: at times in order, at times not; at times heard, at times before."""
        if not self.carla.process.running():
            self.carla.start()
        wait_for(lambda: "carla" in self.anna.peers(), 30, "the visitor in the list")
        if number % 3 == 0:
            wait_for(self.playing, 30, "the visitor to be played")
        if number % 2 == 0:
            self.assertEqual(self.carla.leave(), 0)
        else:
            self.carla.kill()
        wait_for(self.gone, 40, "the visitor to be gone")

    def test_fifty_joins_and_leaves(self):
        for number in range(WARM_UP):  # what is made once and kept is made now: the most threads at once come by chance
            self.visit(number)
        before = {node: node.process.least() for node in (self.anna, self.bruno)}
        wait_for(lambda: not [p for p in self.jack.ports() if p.startswith("carla")], 20, "JACK to see that the visitor is gone")
        ports = set(self.jack.ports())
        for number in range(ROUNDS):
            self.visit(number)
        wait_for(lambda: set(self.jack.ports()) == ports, 20, "no port of the visitor's to be left that was not there before")
        for node, (descriptors, threads, kib) in before.items():
            try:
                wait_for(lambda n=node, d=descriptors, t=threads: n.process.descriptors() <= d and n.process.threads() <= t, 60, "it")
            except NotReached:
                self.fail(f"{node.name}: {threads} → {node.process.threads()} threads, {descriptors} → "
                          f"{node.process.descriptors()} descriptors: {node.process.descriptor_targets()}")
            # A leaked connection is more than a megabyte. A visit leaves 0.5 to 1 KiB: state that GnuTLS keeps for each
            # thread that ever asked for random numbers, GLib's names of statistics. The rest is what arenas still grow.
            node.process.assert_grew_less(kib, ROUNDS * 60)
        self.probe.wait_heard()


if __name__ == "__main__":
    main()
