# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has no key: what it may see, how much it may take, and what it must not find out."""
import signal
import socket
import ssl

from harness.case import main
from harness.certificates import Authority
from harness.programs import write_json
from harness.wait import wait_for
from server_case import MONITOR_KEY, RawClient, ServerCase, key_of
from talk import heard_meanwhile, next_message, read_until


class FewFiles:
    @staticmethod
    def on(argv):
        return ["prlimit", "--nofile=300", *argv]


class StrangersTest(ServerCase):
    watchdog_seconds = 110

    def raw(self, server, **options):
        client = RawClient(server.port, **options)
        self.addCleanup(client.close)
        return client

    def reload(self, server, **extra):
        before = server.process.log().count("config reloaded")
        server.config.update(extra)
        write_json(server.config_path, server.config)
        server.process.signal(signal.SIGHUP)
        wait_for(lambda: server.process.log().count("config reloaded") > before, 10, "the reload")

    def look(self, server, **more):
        """A web page without a key, that sees its room."""
        page = self.raw(server, source=more.pop("source", None))
        page.text({"register": "", "name": "webclient", "key": "", **more})
        self.assertIn("refresh", next_message(page))
        return page

    def test_looking_on_is_no_way_to_guess_keys(self):
        """A page that shows a wrong key may look on, but each wrong key counts like any other."""
        server = self.serve("porto", public_status=True, failed_attempts_per_minute=5)
        self.look(server)
        for guess in range(5):
            self.assertIn("refresh", self.raw(server).register("webclient", f"guess {guess}", matriz=0))
        self.assertEqual(self.raw(server).register("webclient", MONITOR_KEY, matriz=0)["error"], "busy")
        self.assertEqual(self.raw(server).register("porto")["error"], "busy")
        self.assertEqual(self.http(server, "GET", "/rooms", MONITOR_KEY)[0], 429)
        self.assertNotIn("guess 1", server.process.log())
        elsewhere = self.raw(server, source=("127.0.0.2", 0))
        self.assertEqual(elsewhere.register("porto", key_of("porto"))["name"], "porto")

    def test_a_room_that_is_closed_is_seen_by_nobody_any_more(self):
        rooms = [{"name": "stage", "public": True}, {"name": "hall", "public": True}]
        server = self.serve("porto", public_status=True, rooms=rooms, viewer_key={"name": "page", "key": "look"})
        closed, hall, default = self.look(server, room="stage"), self.look(server, room="hall"), self.look(server)
        keyed = self.raw(server)
        self.assertIn("refresh", keyed.register("webclient", "look", room="stage", matriz=0))
        self.reload(server, rooms=[{"name": "stage"}, {"name": "hall", "public": True}])
        self.assertEqual(next_message(closed)["error"], "key")
        self.assertEqual(closed.close_code(), 1008)
        porto = self.raw(server)
        porto.register("porto", room="hall")
        self.assertIn("porto", next_message(hall))
        for page in (default, keyed):
            heard_meanwhile(page)

    def test_onlookers_give_way(self):
        """To one another beyond their limit, the one with the most pages first; to everyone else when all is taken."""
        names = [f"node{i}" for i in range(7)]
        server = self.serve(*names, public_status=True, max_viewers_without_key=3, max_connections=8)
        first = self.look(server, source=("127.0.0.2", 0))
        self.look(server, source=("127.0.0.3", 0))
        pages = [self.look(server, source=("127.0.0.2", 0)) for _ in range(2)]
        self.assertEqual(first.close_code(), 1013)
        first.close()
        nodes = [self.raw(server) for _ in names]
        for count, (node, name) in enumerate(zip(nodes, names), 1):
            self.assertEqual(node.register(name)["n_clients"], count)
        self.assertTrue(pages[0].ended())
        for node in nodes:
            heard_meanwhile(node)

    def test_who_has_no_key_gets_no_pictures(self):
        server = self.serve("porto", public_status=True, viewer_key={"name": "page", "key": "look"})
        page = self.look(server, status=True)
        keyed = self.raw(server)
        keyed.register("webclient", "look", matriz=0, status=True)
        for _ in range(2):
            read_until(keyed, lambda m: "status" in m)
        self.assertFalse([m for m in heard_meanwhile(page) if "status" in m])
        porto = self.raw(server)
        porto.register("porto")
        self.assertEqual([c["name"] for c in self.http(server, "GET", "/rooms/default/status")[1]["clients"]], ["porto"])

    def test_a_proxy_that_nobody_told_us_of(self):
        """Whoever comes through it is no longer taken for this machine, and the log says what is wrong."""
        server = self.serve("porto", "lisboa")
        self.assertEqual(self.http(server, "GET", "/metrics")[0], 200)
        for header in ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 127.0.0.1", "Forwarded: for=203.0.113.7",
                       "Via: 1.1 proxy"):
            self.assertEqual(self.http(server, "GET", "/metrics", headers=[header])[0], 401)
        self.assertEqual(server.process.log().count("not in trusted_proxies"), 1)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(20)
            through = self.raw(server, headers=["X-Forwarded-For: 203.0.113.7"])
            port = listening.getsockname()[1]
            answer = through.register("porto", port=port, matriz=0)
            self.assertEqual((answer["stream"], answer["ip"]), (False, "127.0.0.1"))
            self.assertIn("not checked", answer["message"])
            direct = self.raw(server)
            self.assertTrue(direct.register("lisboa", port=port, matriz=0)["stream"])
            listening.accept()[0].close()
            listening.setblocking(False)
            with self.assertRaises(BlockingIOError):
                listening.accept()

    def test_through_a_trusted_proxy_nobody_is_local(self):
        server = self.serve("porto", trusted_proxies=["127.0.0.1"])
        for address in ("203.0.113.7", "127.0.0.1", "nonsense"):
            self.assertEqual(self.http(server, "GET", "/metrics", headers=[f"X-Forwarded-For: {address}"])[0], 401)
        self.assertNotIn("trusted_proxies", server.process.log())

    def test_who_keeps_connecting_drives_out_itself(self):
        """Who waits quietly to be let in keeps its place, however many others come after it from one address."""
        server = self.serve("porto", max_unregistered=20, max_connections_per_address=64, register_timeout_s=600)
        quiet = self.raw(server, source=("127.0.0.2", 0))
        crowd = []
        for _ in range(60):
            crowd.append(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            self.addCleanup(crowd[-1].close)
        wait_for(lambda: "gives way" in server.process.log(), 10, "somebody to give way")
        self.assertEqual(quiet.register("porto")["name"], "porto")

    def test_who_connects_again_and_again_must_wait(self):
        server = self.serve("porto", max_connections_per_address=2)

        def refused():
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
                link.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                try:
                    return not link.recv(100)
                except ConnectionError:
                    return True
        wait_for(lambda: refused() and "connects again and again" in server.process.log(), 20, "it to be refused")
        self.assertEqual(self.raw(server, source=("127.0.0.2", 0)).register("porto")["name"], "porto")
        wait_for(lambda: not refused(), 20, "its next turn")

    def test_many_handshakes_at_once(self):
        """More than one turn has: all come in all the same."""
        authority = Authority(self.stage.folder, "ca")
        crt, key = authority.issue("server", "DNS:localhost")
        server = self.serve("porto", tls_crt=crt, tls_key=key)
        context = ssl.create_default_context(cafile=authority.certificate)
        links = []
        for _ in range(40):
            link = socket.create_connection(("127.0.0.1", server.port), timeout=20)
            self.addCleanup(link.close)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
            with self.assertRaises(ssl.SSLWantReadError):
                tls.do_handshake()
            links.append((link, tls, incoming, outgoing))
        for link, _, _, outgoing in links:
            link.sendall(outgoing.read())
        for link, tls, incoming, _ in links:
            while True:
                incoming.write(link.recv(65536))
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    pass

    def test_fewer_files_than_connections(self):
        """It takes as many as it has descriptors for, and says so; whoever registers still gets in."""
        server = self.serve("porto", start=False, max_connections_per_address=1000, register_timeout_s=600)
        server.host = FewFiles
        server.start()
        self.assertIn("may open 300 files", server.process.log())
        for _ in range(400):
            link = socket.create_connection(("127.0.0.1", server.port), timeout=20)
            self.addCleanup(link.close)
        self.assertEqual(self.raw(server).register("porto")["name"], "porto")
        self.assertNotIn("cannot accept", server.process.log())


if __name__ == "__main__":
    main()
