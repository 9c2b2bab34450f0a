# SPDX-License-Identifier: GPL-3.0-or-later
"""The config server goes, comes back, refuses: the music does not care."""
from harness.case import main
from harness.wait import wait_for
from mesh_case import MeshCase


class ServerLossTest(MeshCase):
    watchdog_seconds = 240

    def lose_and_return(self, kill):
        jack, server, nodes = self.make_mesh("porto", "lisboa", "montemor")
        porto, lisboa, montemor = nodes
        probe = self.probe_all(jack, nodes)

        def lose():
            kill(server)
            wait_for(lambda: all(n.status()["server"]["state"] != "registered" for n in nodes), 20,
                     "the nodes to notice that the server is gone")
            self.wait_judged(probe, (porto, lisboa), 2)
            server.start()
            wait_for(lambda: all(n.status()["server"]["state"] == "registered" for n in nodes), 60,
                     "all nodes to register again")
            self.wait_names(server, *[n.name for n in nodes])
            self.wait_judged(probe, (porto, lisboa), 2)

        self.assert_undisturbed(probe, probe.pairs, lose)
        self.assertEqual(montemor.leave(), 0)
        probe.wait_silent(montemor, porto)
        montemor.start()
        probe.wait_heard()

    def test_server_crashes_while_audio_plays(self):
        self.lose_and_return(lambda server: server.kill())

    def test_server_stops_while_audio_plays(self):
        self.lose_and_return(lambda server: server.stop())

    def test_server_comes_last(self):
        jack = self.stage.jack()
        server = self.make_server()
        nodes = [self.stage.node(name, jack, server.url).start() for name in ("porto", "lisboa")]
        for node in nodes:
            node.process.wait_log("refused the connection; does the config server run there")
            jack.wait_ports(node.send_port())
        server.start()
        self.probe_all(jack, nodes)

    def test_wrong_key(self):
        jack, server, (porto,) = self.make_mesh("porto")
        stranger = self.stage.node("lisboa", jack, server.url, key="a guess").start()
        stranger.process.wait_log("this key is not known to the server")
        self.wait_names(server, "porto")
        self.assertEqual(porto.peers(), {})
        self.assertNotEqual(stranger.status()["server"]["state"], "registered")
        self.assertNotIn("a guess", server.process.log(), "a key in a log")
        self.assertNotIn("a guess", stranger.process.log(), "a key in a log")
        self.assertEqual(stranger.leave(), 0)


if __name__ == "__main__":
    main()
