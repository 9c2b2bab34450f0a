# SPDX-License-Identifier: GPL-3.0-or-later
"""JACK is not there, goes, comes back different: the node says so and recovers by itself."""
from harness.case import main
from harness.jack import Jack
from mesh_case import MeshCase

# What the node itself says, whatever libjack adds to its log.
GONE = r'JACK server "[^"\n]*" (went away|answers|runs, but no longer calls)|the JACK server "[^"\n]*" does not run'


class JackLossTest(MeshCase):
    def restart(self, kill, **changes):
        jack, _, nodes = self.make_mesh("porto", "lisboa")
        probe = self.probe_all(jack, nodes)
        ports = {port for port in jack.ports() if "probe" not in port}
        probe.stop()
        pids = [node.process.pid for node in nodes]
        logged = [len(node.process.log()) for node in nodes]
        kill(jack)
        for node, length in zip(nodes, logged):
            node.process.wait_log(GONE, timeout=20, after=length)
        for name, value in changes.items():
            setattr(jack, name, value)
        jack.start()
        jack.wait_ports(*ports, timeout=60)
        self.probe_all(jack, nodes)
        self.assertEqual([node.process.pid for node in nodes], pids)
        self.assertTrue(all(node.process.running() for node in nodes))

    def test_jack_stops_and_returns(self):
        self.restart(lambda jack: jack.stop())

    def test_jack_crashes_and_returns(self):
        self.restart(lambda jack: jack.kill())

    def test_jack_returns_with_another_period(self):
        self.restart(lambda jack: jack.stop(), period=256)

    def test_jack_returns_with_another_rate(self):
        self.restart(lambda jack: jack.stop(), rate=44100)

    def test_jack_comes_last(self):
        jack = Jack(self.stage.folder)
        self.stage.defer(lambda: jack.stop())  # pylint: disable=unnecessary-lambda
        server = self.make_server().start()
        nodes = [self.stage.node(name, jack, server.url).start() for name in ("porto", "lisboa")]
        for node in nodes:
            node.process.wait_log(GONE)
        self.wait_names(server, "porto", "lisboa")
        jack.start()
        for node in nodes:
            jack.wait_ports(node.send_port(), timeout=60)
        self.probe_all(jack, nodes)

    def test_small_and_large_periods(self):
        for period in (16, 1024):
            with self.subTest(period=period):
                jack = self.stage.jack(period=period)
                server = self.make_server().start()
                nodes = [self.stage.node(name, jack, server.url).start() for name in ("porto", "lisboa")]
                for node in nodes:
                    jack.wait_ports(node.send_port())
                # With 16 frames a period somebody is late at any moment, and it need not be the same one.
                probe = self.stage.probe(jack, {n: [o for o in nodes if o is not n] for n in nodes})
                (probe.wait_heard_once if period == 16 else probe.wait_heard)(timeout=30)
                for node in nodes:
                    self.assertEqual(node.stop(), 0)
                server.stop()
                jack.stop()


if __name__ == "__main__":
    main()
