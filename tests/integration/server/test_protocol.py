# SPDX-License-Identifier: GPL-3.0-or-later
"""The original's protocol, both ways, and what its server got wrong."""
import os
import signal
import socket

from harness.case import main
from harness.programs import http_get, program, run, write_json
from harness.wait import PATIENCE, wait_for
from server_case import MONITOR_KEY, RawClient, ServerCase, key_of


class ProtocolTest(ServerCase):
    def test_register_list_and_leave(self):
        server = self.serve("porto", "lisboa")
        with socket.create_server(("127.0.0.1", 0)) as rtsp:
            port = rtsp.getsockname()[1]
            porto = self.client(server, "porto", port=port)
            first = porto.messages[0]
            self.assertEqual({k: first[k] for k in ("name", "ip", "port", "stream", "message", "n_clients")}, {
                "name": "porto", "ip": "127.0.0.1", "port": port, "stream": True,
                "message": f"Port {port} at 127.0.0.1 is open", "n_clients": 1})
            lisboa = self.client(server, "lisboa", port=1)
            self.assertFalse(lisboa.messages[0]["stream"])
            self.assertEqual(lisboa.names(), ["lisboa", "porto"])
        news = porto.wait_message(lambda m: m.get("message") == "[lisboa] connected to config server", "lisboa's coming")
        self.assertEqual((news["name"], [c["name"] for c in news["clients"]]), ("lisboa", ["porto", "lisboa"]))
        self.assertEqual(news["clients"][0], {"name": "porto", "ip": "127.0.0.1", "port": port, "stream": True})
        lisboa.deregister()
        gone = porto.wait_message(lambda m: m.get("message") == "[lisboa] disconnected from config server", "its leaving")
        self.assertEqual((gone["name"], [c["name"] for c in gone["clients"]]), ("lisboa", ["porto"]))
        self.assertTrue(lisboa.closed.wait(10))

    def test_dropped_socket(self):
        server = self.serve("porto", "lisboa")
        porto, lisboa = self.client(server, "porto"), self.client(server, "lisboa")
        lisboa.stop()
        porto.wait_message(lambda m: m.get("message") == "[lisboa] disconnected from config server", "lisboa's leaving")

    def test_escaped_messages(self):
        server = self.serve("porto", "lisboa")
        porto, lisboa = self.client(server, "porto", escaped=True), self.client(server, "lisboa", escaped=True)
        lisboa.send({"gain": 3})
        said = porto.wait_message(lambda m: m.get("gain") == 3, "the broadcast")
        self.assertEqual((said["name"], len(said["clients"])), ("lisboa", 2))

    def test_monitor(self):
        server = self.serve("porto")
        monitor = self.monitor(server)
        porto = self.client(server, "porto")
        came = monitor.wait_message(lambda m: m.get("message") == "[porto] connected with IP 127.0.0.1", "the event")
        self.assertEqual((came["info"], [c["name"] for c in came["clients"]]), ("Connected clients: 1", ["porto"]))
        porto.deregister()
        left = monitor.wait_message(lambda m: m.get("message") == "[porto] disconnected", "the event")
        self.assertEqual((left["info"], left["clients"]), ("Connected clients: 0", []))

    def test_viewer_needs_its_key(self):
        server = self.serve("porto", viewer_key={"name": "page", "key": "look"})
        self.assertEqual(self.refused(server, "webclient", "guess"), "key")
        viewer = self.client(server, "webclient", "look", wait=False)
        viewer.wait_message(lambda m: m == {"restart": False, "refresh": False}, "the empty state")
        porto = self.client(server, "porto")
        viewer.wait_message(lambda m: m == {"porto": False, "restart": False, "refresh": False}, "porto")
        porto.send({"refresh": True})
        viewer.wait_message(lambda m: m["refresh"], "the refresh")
        porto.wait_message(lambda m: m == {"refresh": True}, "the refresh")

    def test_viewer_without_key_where_status_is_public(self):
        server = self.serve("porto", public_status=True)
        viewer = self.client(server, "webclient", "", wait=False)
        viewer.wait_message(lambda m: m == {"restart": False, "refresh": False}, "the state")

    def test_name_belongs_to_key(self):
        server = self.serve("porto", "lisboa")
        porto = self.join(server, "porto")
        self.assertEqual(self.refused(server, "porto", key_of("lisboa")), "name")
        self.assertEqual(self.refused(server, "lisboa", "nonsense"), "key")
        nameless = self.join(server, "", key_of("lisboa"))
        self.assertEqual(nameless.messages[0]["name"], "lisboa")
        self.assertFalse(porto.closed.is_set())
        log = server.process.log()
        self.assertIn("127.0.0.1 tried to register as \"lisboa\"", log)
        self.assertNotIn("nonsense", log)
        self.assertNotIn(key_of("lisboa"), log)

    def test_second_connection_replaces_the_first(self):
        server = self.serve("porto", "lisboa")
        lisboa = self.join(server, "lisboa")
        first = self.join(server, "porto", port=5)
        lisboa.wait_message(lambda m: m.get("message") == "[porto] connected to config server", "porto")
        heard = len(lisboa.messages)
        second = self.join(server, "porto", port=5)
        self.assertTrue(first.closed.wait(10))
        third = self.join(server, "porto", port=6)
        self.assertTrue(second.closed.wait(10))
        lisboa.wait_message(lambda m: any(c["port"] == 6 for c in m["clients"]), "the new port")
        for message in lisboa.messages[heard:]:
            self.assertEqual([c["name"] for c in message["clients"]], ["lisboa", "porto"])
            self.assertNotIn("disconnected", message["message"])
        self.assertEqual(len(lisboa.messages), heard + 1, "the same address and port again is no news")
        self.assertFalse(third.closed.is_set())

    def test_matriz_node_has_its_reply_before_the_check(self):
        server = self.serve("porto", "lisboa")
        lisboa = self.join(server, "lisboa")
        with socket.create_server(("127.0.0.1", 0)) as rtsp:
            porto = self.join(server, "porto", port=rtsp.getsockname()[1])
            self.assertEqual(porto.messages[0]["matriz"], 1)
            update = lisboa.wait_message(lambda m: any(c["stream"] for c in m["clients"]), "the check's outcome")
        versions = [m["version"] for m in lisboa.messages]
        # lisboa hears of its own closed port in a list that it has already.
        self.assertEqual(versions, sorted(versions))
        self.assertEqual({m["epoch"] for m in lisboa.messages}, {update["epoch"]})

    def test_nonsense_before_and_after_registering(self):
        server = self.serve("porto")
        for text in ("", "7", "[]", "{", '{"name":"porto"}', '{"register":"","name":["porto"],"key":"x"}',
                     '{"register":"","key":7}', '"\\"text\\""', '{"register":"","port":70000,"key":"k"}'):
            with self.subTest(text=text):
                client = self.client(server, "porto", wait=False)
                client.wait_message(lambda m: "n_clients" in m, "the reply")
                client._call(client._socket.send(text))  # pylint: disable=protected-access
                if text == '{"name":"porto"}':  # an object like any other: it is passed on
                    continue
                client.wait_message(lambda m: "error" in m, "a refusal")
        self.assertTrue(server.process.running())

    def test_two_servers_cannot_share_a_port(self):
        server = self.serve("porto")
        told = run([program("matriz-configserver"), "--listen", f"127.0.0.1:{server.port}", server.config_path])
        self.assertEqual(told.returncode, 1)
        self.assertRegex(told.stderr, rf"127\.0\.0\.1:{server.port}.*another program")

    def test_signals_end_it_cleanly_and_tell_the_clients(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.serve("porto")
            porto = self.join(server, "porto")
            server.process.signal(number)
            self.assertEqual(server.process.wait_exit(), 0)
            self.assertTrue(porto.closed.wait(10))
            self.assertEqual(porto._socket.close_code, 1012)  # pylint: disable=protected-access

    def test_listens_on_loopback_unless_asked(self):
        path = write_json(os.path.join(self.stage.folder, "old.json"), {"client_keys": [{"name": "a", "key": "b"}]})
        told = run([program("matriz-configserver"), "--check", path])
        self.assertEqual((told.returncode, told.stderr), (0, ""))
        port = self.stage.block.take()
        write_json(path, {"client_keys": [{"name": "a", "key": "b"}], "listen": f"127.0.0.1:{port}"})
        process = self.stage.process("by-environment", [program("matriz-configserver")],
                                     env={**os.environ, "MATRIZ_CONFIG_FILE": path})
        wait_for(lambda: http_get(f"http://127.0.0.1:{port}/healthz")[0] == 200, 10, "an answer")
        self.assertEqual(process.stop(), 0)

    def test_a_monitor_of_no_room(self):
        server = self.serve("porto", rooms=[{"name": "fado"}])
        self.assertEqual(self.refused(server, "monitor", MONITOR_KEY, room="nowhere"), "room")
        self.assertEqual(self.monitor(server, room="fado").messages[0]["room"], "fado")
        watching = self.monitor(server, room="fado")
        server.config["rooms"] = []
        write_json(server.config_path, server.config)
        server.process.signal(signal.SIGHUP)
        self.assertTrue(watching.closed.wait(10), "its room is gone")

    def test_monitor_key_is_no_node(self):
        server = self.serve("porto")
        monitor = self.monitor(server)
        self.assertEqual(monitor.names(), [])
        self.assertEqual(self.refused(server, "porto", MONITOR_KEY[:-1]), "key")


class SlowPortTest(ServerCase):
    """An original client is in nobody's list until its port is checked. What happens meanwhile counts."""

    CHECK = min(300, int(30 * PATIENCE))  # seconds it may take; each test ends it when it has seen what it wants to see

    def setUp(self):
        super().setUp()
        # A full backlog never answers.
        self.deaf, *fillers = (self.enterContext(socket.socket()) for _ in range(3))
        self.deaf.bind(("127.0.0.1", 0))
        self.deaf.listen(0)
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(self.deaf.getsockname())

    def serve(self, *names, **extra):
        return super().serve(*names, **{"port_check_timeout_s": self.CHECK, **extra})

    def slow(self, server, name, key=None, **more):
        return self.client(server, name, key, wait=False, port=self.deaf.getsockname()[1], **more)

    def begun(self, server, *clients):
        """The server has read what these have sent so far: an answer to another that asked later is here."""
        for _ in range(2):
            self.assertEqual(self.http(server, "GET", "/healthz")[0], 200)
        for client in clients:
            self.assertEqual(client.messages, [])

    def end_check(self):
        """The port is closed: the next time the server's kernel asks, some seconds later at most, it is told so."""
        self.deaf.close()

    def outcome(self, client, *others):
        """The error with which a check ended, None if with none. `others` answer pings meanwhile."""
        def came():
            for other in others:
                other.stay()
            return next((m for m in list(client.messages) if "n_clients" in m or "error" in m), None)
        return wait_for(came, 30, "the outcome").get("error")

    def test_it_delays_nobody(self):
        server = self.serve("porto", "lisboa")
        slow = self.slow(server, "porto")
        self.begun(server, slow)
        lisboa = self.client(server, "lisboa")
        self.end_check()
        self.assertIsNone(self.outcome(slow))
        answer = slow.messages[0]
        self.assertEqual((answer["stream"], answer["n_clients"]), (False, 2))
        self.assertIn("not open", answer["message"])
        self.assertLess(lisboa.arrivals[0], slow.arrivals[0])

    def test_it_has_an_end(self):
        server = self.serve("porto", port_check_timeout_s=1)
        slow = self.slow(server, "porto")
        self.assertIsNone(self.outcome(slow))
        self.assertIn("not open: no answer", slow.messages[0]["message"])

    def test_a_key_taken_away_lets_nobody_in(self):
        server = self.serve("porto", "lisboa", rooms=[{"name": "fado"}])
        porto, fado = self.slow(server, "porto"), self.slow(server, "lisboa", room="fado")
        self.begun(server, porto, fado)
        server.config["client_keys"] = [k for k in server.config["client_keys"] if k["name"] != "porto"]
        server.config["rooms"] = []
        write_json(server.config_path, server.config)
        server.process.signal(signal.SIGHUP)
        for client in (porto, fado):
            self.assertEqual(self.outcome(client), "key")
            self.assertTrue(client.closed.wait(10))

    def test_a_room_stays_within_its_limit(self):
        server = self.serve("a", "b", "c", "d", rooms=[{"name": "duo", "limit": 2}])
        clients = [self.slow(server, name, room="duo") for name in "abcd"]
        self.begun(server, *clients)
        self.end_check()
        self.assertEqual(sorted(str(self.outcome(client)) for client in clients), ["None", "None", "full", "full"])

    def test_what_is_said_meanwhile_waits(self):
        server = self.serve("porto", "lisboa", "faro")
        lisboa = self.client(server, "lisboa")
        porto, faro = self.slow(server, "porto"), self.slow(server, "faro")
        for number in range(40):
            porto.send({"gain": number})
        faro.send({"gain": 99})
        faro.deregister()
        self.assertTrue(faro.closed.wait(10), "it waited for the check")
        self.assertEqual(faro.messages, [])
        self.begun(server, porto)
        self.end_check()
        self.assertIsNone(self.outcome(porto))
        lisboa.wait_message(lambda m: m.get("gain") == 15, "what porto said")
        porto.send({"gain": 100})
        lisboa.wait_message(lambda m: m.get("gain") == 100, "what porto says later")
        self.assertEqual([m["gain"] for m in lisboa.messages if "gain" in m], [*range(16), 100])
        self.assertFalse(porto.closed.is_set())

    def test_who_is_late_does_not_take_a_guests_name(self):
        server = self.serve(rooms=[{"name": "guests", "key": "come-in"}], trusted_proxies=["127.0.0.1"])
        thief = self.slow(server, "violin", "come-in")
        self.begun(server, thief)
        violin = RawClient(server.port, headers=["X-Forwarded-For: 127.0.0.9"])
        self.addCleanup(violin.close)
        self.assertEqual(violin.register("violin", "come-in")["name"], "violin")
        self.end_check()
        self.assertEqual(self.outcome(thief, violin), "name")
        violin.text({"refresh": True})
        violin.wait_text(lambda m: m.get("refresh"))


if __name__ == "__main__":
    main()
