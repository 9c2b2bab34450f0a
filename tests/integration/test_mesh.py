# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that join, leave, crash and move, on real audio."""
import os
import unittest

from harness.case import main
from harness.wait import wait_for
from mesh_case import MeshCase


class ThreeNodesTest(MeshCase):
    watchdog_seconds = 240

    def test_all_hear_all_and_soon(self):
        jack, _, nodes = self.make_mesh("porto", "lisboa", "montemor")
        probe = self.probe_all(jack, nodes)
        porto, lisboa, _ = nodes
        ports = jack.ports()
        for channel in (1, 2):
            self.assertIn(f"porto-send:in_send_{channel}", ports)
            self.assertIn(f"porto:lisboa_{channel}", ports)
        self.assertNotIn("porto:porto_1", ports)
        for sender, listener in probe.pairs:
            probe.wait_latency(sender, listener, lambda ms: ms < 40)
        self.assertEqual(sorted(porto.peers()), ["lisboa", "montemor"])
        self.assertEqual(lisboa.status()["name"], "lisboa")

    def test_leave_and_return(self):
        jack, server, nodes = self.make_mesh("porto", "lisboa", "montemor")
        porto, lisboa, montemor = nodes
        probe = self.probe_all(jack, nodes)
        kept = jack.connections()[porto.peer_port(montemor)]
        self.assertTrue(kept)

        def leave_and_return():
            self.assertEqual(montemor.leave(), 0)
            probe.wait_silent(montemor, porto)
            self.wait_names(server, "porto", "lisboa")
            # Who comes back finds the patching as it was.
            self.assertEqual(jack.connections()[porto.peer_port(montemor)], kept)
            montemor.start()
            probe.wait_heard((montemor, porto), (montemor, lisboa), (porto, montemor))

        self.assert_undisturbed(probe, [(porto, lisboa), (lisboa, porto)], leave_and_return)

    def test_crash_and_return(self):
        jack, server, nodes = self.make_mesh("porto", "lisboa", "montemor")
        porto, lisboa, montemor = nodes
        probe = self.probe_all(jack, nodes)

        def crash_and_return():
            montemor.kill()
            probe.wait_silent(montemor, porto)
            self.wait_names(server, "porto", "lisboa")
            montemor.start()
            probe.wait_heard((montemor, porto), (montemor, lisboa), (porto, montemor))

        self.assert_undisturbed(probe, [(porto, lisboa), (lisboa, porto)], crash_and_return)

    def test_returns_at_another_port(self):
        jack, _, nodes = self.make_mesh("porto", "lisboa")
        porto, lisboa = nodes
        probe = self.probe_all(jack, nodes)
        lisboa.kill()
        lisboa.config["port"] = lisboa.rtsp_port = self.stage.block.take()
        lisboa.start()
        wait_for(lambda: porto.peers()["lisboa"]["address"].endswith(f":{lisboa.rtsp_port}"), 20, "the new address")
        probe.wait_heard()

    def test_same_key_twice(self):
        """A second node with the key replaces the first; whoever listens hears the newer one."""
        self.may_die = True  # the replaced node may give up or keep trying; it must not harm
        jack, server, nodes = self.make_mesh("porto", "lisboa")
        porto, lisboa = nodes
        self.probe_all(jack, nodes)
        second = self.stage.node("lisboa", jack, server.url, jack_client="second").start()
        second.name = "second"
        jack.wait_ports(second.send_port())
        from harness.probe import Probe  # pylint: disable=import-outside-toplevel
        lisboa.kill()

        class Second:
            """The same node under the name that listeners know."""
            name, config = "lisboa", second.config
            send_port = staticmethod(second.send_port)
        probe = Probe(self.stage.folder, jack, {Second: [porto]}, name="probe-second")
        self.stage.defer(probe.stop)
        probe.wait_heard()


class OneWayTest(MeshCase):
    def test_receive_false_only_sends(self):
        jack = self.stage.jack()
        server = self.make_server().start()
        porto = self.stage.node("porto", jack, server.url, receive=False).start()
        lisboa = self.stage.node("lisboa", jack, server.url).start()
        jack.wait_ports(porto.send_port(), lisboa.send_port())
        probe = self.stage.probe(jack, {porto: [lisboa]})
        probe.wait_heard()
        self.assertNotIn("porto:lisboa_1", jack.ports())
        self.assertEqual(porto.peers()["lisboa"]["state"], "sending")

    def direct_link(self, address):
        """(porto, lisboa), of whom lisboa hears porto at the address, without a server."""
        jack = self.stage.jack()
        nobody = f"ws://127.0.0.1:{self.stage.block.take()}/config"
        porto = self.stage.node("porto", jack, nobody).start()
        lisboa = self.stage.node("lisboa", jack, nobody, receive_from_ip=address, receive_from_port=porto.rtsp_port).start()
        jack.wait_ports(porto.send_port(), lisboa.send_port())

        class Direct:
            """porto, as lisboa calls a direct link."""
            name, config = "direct", porto.config
            send_port = staticmethod(porto.send_port)
        self.stage.probe(jack, {Direct: [lisboa]}).wait_heard()
        return porto, lisboa

    def test_direct_link_needs_no_server(self):
        self.direct_link("127.0.0.1")

    @unittest.skipUnless(os.path.exists("/proc/net/if_inet6"), "this machine has no IPv6")
    def test_direct_link_over_ipv6(self):
        porto, lisboa = self.direct_link("::1")
        self.assertEqual(lisboa.peers()["direct"]["address"], f"[::1]:{porto.rtsp_port}")
        self.assertEqual([one["address"] for one in porto.status()["emitter"]["listeners"]], ["::1"])

    def test_mono_and_eight_channels(self):
        jack = self.stage.jack()
        server = self.make_server().start()
        porto = self.stage.node("porto", jack, server.url, channels=1).start()
        lisboa = self.stage.node("lisboa", jack, server.url, channels=8).start()
        jack.wait_ports(porto.send_port(), lisboa.send_port(8))
        self.assertNotIn(porto.send_port(2), jack.ports())
        probe = self.stage.probe(jack, {porto: [lisboa], lisboa: [porto]})
        probe.wait_heard()
        self.assertIn(porto.peer_port(lisboa, 8), jack.ports())


if __name__ == "__main__":
    main()
