# SPDX-License-Identifier: GPL-3.0-or-later
"""Old and new together: our node with an original server, an original client with our server."""
from harness.case import main
from harness.wait import wait_for
from mesh_case import MeshCase


class OriginalServerTest(MeshCase):
    def setUp(self):
        super().setUp()
        self.server = self.stage.original_server({f"key-of-{n}": n for n in ("porto", "lisboa", "montemor")})
        self.jack = self.stage.jack()

    def node(self, name, **options):
        return self.stage.node(name, self.jack, self.server.url, **options).start()

    def test_nodes_hear_one_another(self):
        porto, lisboa = self.node("porto"), self.node("lisboa")
        self.jack.wait_ports(porto.send_port(), lisboa.send_port())
        self.probe_all(self.jack, [porto, lisboa])
        _, hello = next(entry for entry in self.server.received if entry[0] == "porto")
        self.assertEqual((hello["register"], hello["name"], hello["key"], hello["port"]),
                         ("", "porto", "key-of-porto", porto.rtsp_port))
        self.assertEqual(porto.leave(), 0)
        wait_for(lambda: self.server.names() == ["lisboa"], 10, "porto to be gone")

    def test_address_change_in_the_list(self):
        """The list moves a name to another address: the new one is heard under the old port names."""
        porto, lisboa, montemor = self.node("porto"), self.node("lisboa"), self.node("montemor", receive=False)
        self.jack.wait_ports(porto.send_port(), lisboa.send_port(), montemor.send_port())

        def entry(name, at):
            return {"ip": "127.0.0.1", "stream": True, "name": name, "port": at.rtsp_port}

        class Moved:
            """Whoever is behind the name "guest" after the move."""
            name, config = "guest", montemor.config
            send_port = staticmethod(montemor.send_port)
        wait_for(lambda: len(self.server.names()) == 3, 20, "all to register")
        self.server.push([entry("porto", porto), entry("guest", lisboa)])
        self.jack.wait_ports("porto:guest_1")
        wait_for(lambda: porto.peers()["guest"]["state"] == "playing", 20, "the guest to be played")
        probe = self.stage.probe(self.jack, {Moved: [porto]})
        self.server.push([entry("porto", porto), entry("guest", montemor)])
        probe.wait_heard()
        self.server.push([entry("porto", porto)], message="[guest] disconnected from config server")
        wait_for(lambda: "guest" not in porto.peers(), 20, "the guest to be dropped")

    def test_hostile_lists(self):
        """Nothing that a server sends ends the node or its audio."""
        porto, lisboa = self.node("porto"), self.node("lisboa")
        self.jack.wait_ports(porto.send_port(), lisboa.send_port())
        probe = self.probe_all(self.jack, [porto, lisboa])
        good = [{"ip": "127.0.0.1", "stream": True, "name": n.name, "port": n.rtsp_port} for n in (porto, lisboa)]
        for bad in ({"ip": "", "stream": True, "name": "x", "port": 1}, {"ip": 7, "name": None, "port": "y"},
                    {"ip": "255.255.255.255", "stream": True, "name": "b", "port": 70000}, {}, [], None, "text",
                    {"ip": "127.0.0.1", "stream": True, "name": "a" * 5000, "port": 8554},
                    {"ip": "127.0.0.1\r\n", "stream": True, "name": "n:m\n", "port": 8554}):
            self.server.push([*good, bad])
        self.server.push("no list at all")
        self.server.push(good)
        wait_for(lambda: set(porto.peers()) == {"lisboa"}, 20, "the good list to count")
        probe.wait_heard()

    def test_refresh_and_strange_messages(self):
        porto = self.node("porto")
        wait_for(lambda: self.server.names() == ["porto"], 20, "porto to register")
        other = self.stage.original_client(self.server.url, "lisboa", "key-of-lisboa", port=1)
        other.send({"refresh": True})
        other.send({"gain": 3, "to": "porto"})
        other.deregister()
        wait_for(lambda: self.server.names() == ["porto"], 10, "lisboa to be gone")
        self.assertTrue(porto.process.running())


class OriginalClientTest(MeshCase):
    def both_ways(self, escaped):
        jack, server, (porto,) = self.make_mesh("porto")
        server.config["client_keys"].append({"name": "lisboa", "key": "key-of-lisboa"})
        server.stop()
        server.start()
        self.wait_names(server, "porto", timeout=60)
        client = self.stage.original_client(server.url, "lisboa", "key-of-lisboa", port=porto.rtsp_port, escaped=escaped)
        welcome = client.wait_message(lambda m: "n_clients" in m, "the answer to register")
        self.assertEqual((welcome["name"], welcome["ip"], welcome["port"], welcome["stream"], welcome["n_clients"]),
                         ("lisboa", "127.0.0.1", porto.rtsp_port, True, 2))
        self.assertEqual(welcome["message"], f"Port {porto.rtsp_port} at 127.0.0.1 is open")
        self.assertEqual(client.names(), ["lisboa", "porto"])
        for entry in welcome["clients"]:
            self.assertLessEqual({"ip", "stream", "name", "port"}, set(entry))
        wait_for(lambda: porto.peers()["lisboa"]["state"] == "playing", 20, "porto to play the original client's stream")
        self.assertEqual(porto.leave(), 0)
        client.wait_message(lambda m: m.get("message") == "[porto] disconnected from config server", "porto's leaving")
        self.assertEqual(client.names(), ["lisboa"])
        porto.start()
        client.wait_message(lambda m: m.get("message") == "[porto] connected to config server", "porto's return")
        client.deregister()
        wait_for(lambda: "lisboa" not in porto.peers(), 20, "the client to be gone")
        self.assertTrue(jack.ports())

    def test_original_client_with_our_server(self):
        self.both_ways(escaped=False)

    def test_original_client_that_escapes(self):
        self.both_ways(escaped=True)


if __name__ == "__main__":
    main()
