# SPDX-License-Identifier: GPL-3.0-or-later
"""A JACK server that hangs hangs whoever calls it. The node still answers, keeps its place in the list, and can be stopped."""
import signal

from harness.case import main
from harness.wait import wait_for
from mesh_case import MeshCase


class JackHangTest(MeshCase):
    watchdog_seconds = 150

    def hang(self, jack):
        """Until the end of the test at the latest: a server that stands still cannot be ended in order."""
        jack.process.signal(signal.SIGSTOP)
        self.stage.defer(lambda: jack.process.signal(signal.SIGCONT))

    def test_jack_hangs_while_playing(self):
        jack = self.stage.jack()
        server = self.make_server().start()
        porto, lisboa = (self.stage.node(name, jack, server.url).start() for name in ("porto", "lisboa"))
        jack.wait_ports(porto.send_port(), lisboa.send_port())
        probe = self.probe_all(jack, [porto, lisboa])
        probe.stop()
        before = porto.process.pid
        self.hang(jack)
        # Ports for a newcomer: this is what makes a node wait for JACK.
        client = self.stage.original_client(server.url, "montemor", "key-of-montemor", port=lisboa.rtsp_port)
        for node in (porto, lisboa):
            wait_for(lambda n=node: n.status()["jack"]["state"] == "hangs", 20, f"{node.name} to say that JACK hangs")
            wait_for(lambda n=node: n.status()["emitter"]["state"].startswith("silent: JACK hangs"), 20,
                     f"{node.name} to send silence")
            wait_for(lambda n=node: "montemor" in n.peers(), 20, f"{node.name} to know of the newcomer")
        client.stop()
        # It still listens to its server.
        wait_for(lambda: "montemor" not in porto.peers(), 20, "the newcomer to be gone")
        self.assertEqual(lisboa.stop(), 0)
        self.wait_names(server, "porto")
        jack.process.signal(signal.SIGCONT)
        wait_for(lambda: porto.status()["jack"]["state"] == "running", 20, "porto to say that JACK goes on")
        lisboa.start()
        jack.wait_ports(porto.send_port(), lisboa.send_port(), timeout=60)
        self.probe_all(jack, [porto, lisboa])
        self.assertEqual(porto.process.pid, before)
        self.assertTrue(porto.process.running())

    def test_jack_hangs_when_the_node_starts(self):
        jack = self.stage.jack()
        server = self.make_server().start()
        self.hang(jack)
        porto, lisboa = (self.stage.node(name, jack, server.url).start() for name in ("porto", "lisboa"))
        self.wait_names(server, "porto", "lisboa")
        for node in (porto, lisboa):
            self.assertNotEqual(node.status()["jack"]["state"], "running")
        self.assertEqual(lisboa.stop(), 0)
        jack.process.signal(signal.SIGCONT)
        lisboa.start()
        jack.wait_ports(porto.send_port(), lisboa.send_port(), timeout=60)
        self.probe_all(jack, [porto, lisboa])


if __name__ == "__main__":
    main()
