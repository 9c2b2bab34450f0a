# SPDX-License-Identifier: GPL-3.0-or-later
"""Rooms, who hears whom, signals, reports, and the HTTP API over them."""
import os

from harness.case import main
from harness.programs import program, run, write_json
from harness.wait import wait_for
from server_case import MONITOR_KEY, ServerCase, key_of


def latest(client):
    return [m for m in client.messages if "version" in m][-1]


class RoomsTest(ServerCase):
    def test_only_members_see_one_another(self):
        server = self.serve("porto", "lisboa", "braga", "faro", rooms=[
            {"name": "fado", "members": ["porto", "lisboa"]}, {"name": "open", "public": True, "limit": 1},
            {"name": "guests", "key": "come-in"}])
        porto = self.join(server, "porto", room="fado")
        self.assertEqual(latest(porto)["room"], "fado")
        braga = self.client(server, "braga")
        self.assertEqual(braga.names(), ["braga"])
        lisboa = self.join(server, "lisboa", room="fado")
        self.assertEqual(lisboa.names(), ["lisboa", "porto"])
        self.assertEqual(self.refused(server, "faro", room="fado"), "room")
        self.assertEqual(self.refused(server, "faro", room="nowhere"), "room")
        self.assertEqual(self.refused(server, "faro", room="guests"), "room")
        faro = self.join(server, "faro", room="open")
        self.assertEqual(self.refused(server, "lisboa", room="open"), "full")
        self.assertEqual(lisboa.names(), ["lisboa", "porto"], "a refused move must not cost the place")

        self.assertEqual(self.refused(server, "braga", "come-in"), "name")
        self.assertEqual(self.refused(server, "", "come-in"), "name")
        self.assertEqual(self.refused(server, "ana", "come-in", room="fado"), "room")
        ana = self.join(server, "ana", "come-in")
        self.assertEqual((latest(ana)["room"], ana.names()), ("guests", ["ana"]))

        for client, others in ((porto, ["lisboa", "porto"]), (braga, ["braga"]), (faro, ["faro"])):
            client.send({"gain": client.name})
            self.assertEqual(client.names(), others)
        lisboa.wait_message(lambda m: m.get("gain") == "porto", "the word of the same room")
        lisboa.send({"refresh": True})
        porto.wait_message(lambda m: m.get("refresh"), "the refresh")
        for client in (porto, lisboa, braga, faro, ana):
            self.assertFalse([m for m in client.messages if m.get("gain") in {"braga", "faro"}])

        moved = self.join(server, "porto")
        self.assertEqual(moved.names(), ["braga", "porto"])
        lisboa.wait_message(lambda m: m.get("message") == "[porto] disconnected from config server", "porto's leaving")
        braga.wait_message(lambda m: m.get("message") == "[porto] connected to config server", "porto's coming")

    def test_list_of_rooms(self):
        server = self.serve("porto", rooms=[{"name": "stage", "public": True, "key": "k"}, {"name": "hidden"}])
        self.join(server, "porto", room="hidden")
        self.join(server, "ana", "k")
        self.assertEqual(self.http(server, "GET", "/rooms"), (200, {"rooms": [
            {"name": "stage", "nodes": 1, "limit": 64, "public": True, "key": True}]}))
        _, all_rooms = self.http(server, "GET", "/rooms", MONITOR_KEY)
        self.assertEqual([(r["name"], r["nodes"]) for r in all_rooms["rooms"]],
                         [("default", 0), ("hidden", 1), ("stage", 1)])

    def test_guests_keep_their_names(self):
        server = self.serve("porto", rooms=[{"name": "guests", "key": "come-in"}])
        ana = self.join(server, "ana", "come-in", port=7)
        again = self.join(server, "ana", "come-in", port=7)  # the same address: it has come back
        self.assertTrue(ana.closed.wait(10))
        self.assertEqual(again.names(), ["ana"])

    def test_guests_of_different_rooms_may_share_a_name(self):
        server = self.serve("porto", rooms=[{"name": "one", "key": "first"}, {"name": "two", "key": "second"}])
        first = self.join(server, "ana", "first", fingerprint="ab" * 32)
        second = self.join(server, "ana", "second")
        eve = self.join(server, "eve", "second")
        self.assertEqual((first.names(), eve.names()), (["ana"], ["ana", "eve"]))
        eve.send({"signal": {"n": 1}, "to": "ana"})
        second.wait_message(lambda m: m.get("signal") == {"n": 1}, "the signal")
        self.assertFalse([m for m in first.messages if "signal" in m])
        self.assertEqual(self.refused(server, "porto", "first"), "name")
        eve.send({**eve.register, "key": "first"})
        wait_for(lambda: first.names() == eve.names() == ["ana", "eve"] and second.names() == ["ana"], 10, "the move")
        self.assertEqual(self.http(server, "POST", "/keys", MONITOR_KEY, {"name": "ana"})[0], 201)
        for client in (first, second):
            self.assertTrue(client.closed.wait(10), "the name is a key's now")
        wait_for(lambda: eve.names() == ["eve"], 10, "ana's leaving")

    def test_routes(self):
        server = self.serve("porto", "lisboa", "braga")
        nodes = {name: self.join(server, name) for name in ("porto", "lisboa", "braga")}
        wait_for(lambda: all(len(c.names()) == 3 for c in nodes.values()), 10, "all to see all")

        def heard():
            return {name: sorted(set(client.names()) - {name}) for name, client in nodes.items()}

        path = "/rooms/default/routes"
        self.assertEqual(self.http(server, "GET", path, MONITOR_KEY), (200, {"hears": None}))
        matrix = {"porto": ["lisboa"], "lisboa": []}
        self.assertEqual(self.http(server, "PUT", path, MONITOR_KEY, {"hears": matrix}), (200, {"hears": matrix}))
        wait_for(lambda: heard() == {"porto": ["lisboa"], "lisboa": [], "braga": ["lisboa", "porto"]}, 10, "the matrix")
        self.assertEqual([c["name"] for c in latest(nodes["lisboa"])["listeners"]], ["porto", "braga"])
        self.assertNotIn("listeners", latest(nodes["braga"]))

        server.process.signal(9)
        server.process.wait_exit()
        server.start()
        for name in list(nodes):
            nodes[name] = self.join(server, name)
        wait_for(lambda: heard() == {"porto": ["lisboa"], "lisboa": [], "braga": ["lisboa", "porto"]}, 10,
                 "the matrix after a crash")

        monitor = self.monitor(server)
        monitor.send({"set_routes": {"room": "default", "hears": {"braga": ["braga", "nobody"]}}})
        wait_for(lambda: heard() == {"porto": ["braga", "lisboa"], "lisboa": ["braga", "porto"], "braga": []}, 10,
                 "the monitor's matrix")
        server.process.signal(9)
        server.process.wait_exit()
        server.start()
        self.assertEqual(self.http(server, "GET", path, MONITOR_KEY), (200, {"hears": {"braga": ["braga", "nobody"]}}))
        for name in list(nodes):
            nodes[name] = self.join(server, name)
        wait_for(lambda: heard() == {"porto": ["braga", "lisboa"], "lisboa": ["braga", "porto"], "braga": []}, 10,
                 "the monitor's matrix after a crash")
        self.assertEqual(self.http(server, "DELETE", path, MONITOR_KEY), (200, {"hears": None}))
        wait_for(lambda: all(len(others) == 2 for others in heard().values()), 10, "everyone to hear everyone")
        nodes["porto"].send({"set_routes": {"hears": {"lisboa": []}}})
        refusal = nodes["porto"].wait_message(lambda m: "error" in m, "a refusal")
        self.assertEqual(refusal["error"], "key")

    def test_routes_api_refuses(self):
        server = self.serve("porto", viewer_key={"name": "page", "key": "look"})
        path = "/rooms/default/routes"
        for method, where, key, body, status in (
                ("GET", path, None, None, 401), ("GET", path, "guess", None, 401), ("GET", path, "look", None, 403),
                ("PUT", path, key_of("porto"), {"hears": {}}, 403), ("POST", path, MONITOR_KEY, {"hears": {}}, 405),
                ("PUT", "/rooms/none/routes", MONITOR_KEY, {"hears": {}}, 404),
                ("PUT", path, MONITOR_KEY, b"", 400), ("PUT", path, MONITOR_KEY, b"{", 400),
                ("PUT", path, MONITOR_KEY, b"\xff", 400), ("PUT", path, MONITOR_KEY, [], 400),
                ("PUT", path, MONITOR_KEY, {}, 400), ("PUT", path, MONITOR_KEY, {"hears": []}, 400),
                ("PUT", path, MONITOR_KEY, {"hears": {"a": "b"}}, 400),
                ("PUT", path, MONITOR_KEY, {"hears": {"a": [1]}}, 400),
                ("PUT", path, MONITOR_KEY, {"hears": {"a": [""]}}, 400),
                ("PUT", path, MONITOR_KEY, {"hears": {"a": ["x" * 65]}}, 400),
                ("PUT", path, MONITOR_KEY, {"hears": {"\n": []}}, 400)):
            with self.subTest(method=method, where=where, key=key, body=body):
                self.assertEqual(self.http(server, method, where, key, body)[0], status)
        self.assertEqual(self.http(server, "GET", path, MONITOR_KEY), (200, {"hears": None}))

    def test_signals(self):
        server = self.serve("porto", "lisboa", "braga", rooms=[{"name": "apart"}], max_signals_per_second=5,
                            max_signal_bytes=2000, max_messages_per_second=1000)
        porto, lisboa = self.join(server, "porto"), self.join(server, "lisboa")
        braga = self.join(server, "braga", room="apart")
        offer = {"sdp": "v=0", "n": [1, 2.5, None, "é"]}
        porto.send({"signal": offer, "to": "lisboa"})
        got = lisboa.wait_message(lambda m: "signal" in m, "the offer")
        self.assertEqual(got, {"signal": offer, "from": "porto"})
        lisboa.send({"signal": "answer", "to": "porto", "from": "braga"})
        self.assertEqual(porto.wait_message(lambda m: "signal" in m, "the answer"), {"signal": "answer", "from": "lisboa"})
        for to in ("braga", "nobody", ""):
            self.assertEqual(self.refusal(porto, {"signal": 1, "to": to})["error"], "signal")
        self.assertIn("2000 bytes", self.refusal(porto, {"signal": "x" * 3000, "to": "lisboa"})["message"])

        def refused():
            return [m for m in list(porto.messages) if "too many signals" in m.get("message", "")]
        sent = 0  # 40 at once and 5 a second later; how many that makes is up to the machine
        while not refused() and sent < 1000:
            porto.send({"signal": sent, "to": "lisboa"})
            sent += 1
        wait_for(refused, 10, "a refusal for the rate")
        self.assertGreater(sent, 34, "of the burst at most 5 were spent before")
        self.assertFalse([m for m in braga.messages if "signal" in m])
        self.assertFalse(porto.closed.is_set())

    def test_reports_make_a_picture(self):
        server = self.serve("porto", "lisboa", viewer_key={"name": "page", "key": "look"},
                            rooms=[{"name": "shown", "public": True}])
        porto, lisboa = self.join(server, "porto"), self.join(server, "lisboa")
        monitor = self.monitor(server, status=True)
        link = {"peer": "lisboa", "delay_ms": 7.5, "loss": 0.25, "jitter_ms": 1, "level_db": -12.5, "one_way_ms": 21.5}
        porto.send({"report": [link, {"peer": "stranger", "loss": 1}, {"peer": "porto"}]})
        lisboa.send({"report": [{"peer": "porto", "loss": 9}]})
        wait_for(lambda: len(self.status(server, MONITOR_KEY)["links"]) == 2, 10, "both reports")
        links = {(l["listener"], l["source"]): l for l in self.status(server, "look")["links"]}
        self.assertEqual({k: v for k, v in links["porto", "lisboa"].items() if k != "age_ms"},
                         {"listener": "porto", "source": "lisboa", "delay_ms": 7.5, "loss": 0.25, "jitter_ms": 1.0,
                          "level_db": -12.5, "one_way_ms": 21.5})
        self.assertEqual(links["lisboa", "porto"]["loss"], 1.0)
        pushed = monitor.wait_message(lambda m: len(m.get("status", {}).get("links", [])) == 2
                                      if isinstance(m.get("status"), dict) else False, "the picture")
        self.assertEqual(pushed["status"]["room"], "default")
        for bad in ({"report": 1}, {"report": [1]}, {"report": [{"peer": "lisboa", "loss": "x"}]},
                    {"report": [{"peer": 1}]}, {"report": [{}] * 2000}):
            self.assertEqual(self.refusal(porto, bad)["error"], "message")
        lisboa.deregister()
        wait_for(lambda: self.status(server, MONITOR_KEY)["links"] == [], 10, "lisboa's links to go")
        for key, status in ((None, 401), (key_of("porto"), 403), ("look", 200)):
            self.assertEqual(self.http(server, "GET", "/rooms/default/status", key)[0], status)
        self.assertEqual(self.http(server, "GET", "/rooms/none/status", MONITOR_KEY)[0], 404)

    def status(self, server, key):
        code, answer = self.http(server, "GET", "/rooms/default/status", key)
        self.assertEqual(code, 200, answer)
        return answer

    def test_public_status(self):
        server = self.serve("porto", public_status=True,
                            rooms=[{"name": "shown", "public": True}, {"name": "private"}])
        for room, status in (("default", 200), ("shown", 200), ("private", 401)):
            self.assertEqual(self.http(server, "GET", f"/rooms/{room}/status")[0], status)
        self.client(server, "webclient", "", wait=False, room="shown").wait_message(lambda m: "restart" in m, "a state")
        self.assertEqual(self.refused(server, "webclient", "", room="private"), "room")


class KeysTest(ServerCase):
    def made(self, name):
        told = run([program("matriz-configserver"), "--new-key", name])
        self.assertEqual(told.returncode, 0, told.stderr)
        key = told.stdout.split('"key": "')[1].split('"')[0]
        return key, told.stdout.split('"key_hash": "')[1].split('"')[0]

    def test_hashed_keys(self):
        key, hashed = self.made("porto")
        monitor_key, monitor_hash = self.made("monitor")
        room_key, room_hash = self.made("guests")
        self.assertNotIn(key.split("-")[1], hashed)
        server = self.serve("lisboa", start=False, rooms=[{"name": "guests", "key_hash": room_hash}])
        server.config["client_keys"].append({"name": "porto", "key_hash": hashed})
        server.config["monitor_key"] = {"name": "chief", "key_hash": monitor_hash}
        server.start()
        self.assertEqual(self.join(server, "", key).messages[0]["name"], "porto")
        self.assertEqual(self.join(server, "porto", key).messages[0]["name"], "porto")
        self.assertEqual(self.refused(server, "lisboa", key), "name")
        other, _ = self.made("porto")
        self.assertEqual(self.refused(server, "porto", other), "key")
        self.assertEqual(self.refused(server, "porto", key[:-1] + ("a" if key[-1] != "a" else "b")), "key")
        self.assertEqual(self.refused(server, "porto", hashed), "key")
        self.assertEqual(self.http(server, "GET", "/rooms/default/routes", monitor_key)[0], 200)
        self.assertEqual(latest(self.join(server, "ana", room_key))["room"], "guests")
        with open(server.config_path, encoding="utf-8") as config:
            self.assertNotIn(key, config.read())

    def test_guessing_is_slowed(self):
        server = self.serve("porto", failed_attempts_per_minute=2)  # few: the next one comes half a minute later
        answers = [self.refused(server, "porto", f"guess {i}") for i in range(4)]
        self.assertEqual(answers, ["key"] * 2 + ["busy"] * 2)
        head, _ = self.http_with_head(server, "GET", "/rooms", "guess")
        self.assertTrue(head.startswith("HTTP/1.1 429 "), head)
        self.assertIn("Retry-After: 60", head.split("\r\n"))
        self.assertEqual(self.refused(server, "porto"), "busy")  # even the right one: nobody learns by waiting

    def test_keys_made_while_running(self):
        server = self.serve("porto")
        self.assertEqual(self.http(server, "POST", "/keys", None, {"name": "ana"})[0], 401)
        self.assertEqual(self.http(server, "POST", "/keys", key_of("porto"), {"name": "ana"})[0], 403)
        self.assertEqual(self.http(server, "POST", "/keys", MONITOR_KEY, {})[0], 400)
        code, made = self.http(server, "POST", "/keys", MONITOR_KEY, {"name": "ana"})
        self.assertEqual((code, made["name"]), (201, "ana"))
        self.join(server, "ana", made["key"])
        server.process.signal(9)
        server.process.wait_exit()
        self.assertNotIn(made["key"].split("-")[1], server.process.log())
        with open(os.path.join(server.folder, "clients.sqlite"), "rb") as store:
            self.assertNotIn(made["key"].split("-")[1].encode(), store.read())
        server.start()
        ana = self.join(server, "", made["key"])
        self.assertEqual(ana.messages[0]["name"], "ana")
        _, newer = self.http(server, "POST", "/keys", MONITOR_KEY, {"name": "ana"})
        self.assertTrue(ana.closed.wait(10), "the former key still holds a place")
        self.assertEqual(self.refused(server, "ana", made["key"]), "key")
        ana = self.join(server, "ana", newer["key"])
        self.assertEqual(self.http(server, "DELETE", "/keys/ana", MONITOR_KEY)[0], 204)
        self.assertTrue(ana.closed.wait(10))
        self.assertEqual(self.refused(server, "ana", newer["key"]), "key")
        self.assertEqual(self.http(server, "DELETE", "/keys/ana", MONITOR_KEY)[0], 404)
        self.assertEqual(self.http(server, "DELETE", "/keys/porto", MONITOR_KEY)[0], 404)

    def test_rooms_that_a_key_opens(self):
        rooms = [{"name": "closed", "members": ["porto"]}, {"name": "keyed", "key": "k"}]
        server = self.serve("porto", rooms=rooms)

        def make(**body):
            return self.http(server, "POST", "/keys", MONITOR_KEY, {"name": "ana", **body})

        for body, error in (({"rooms": ["nowhere"]}, "room"), ({"rooms": "closed"}, "message"),
                            ({"rooms": [""]}, "message"), ({"rooms": ["closed"] * 65}, "message")):
            code, answer = make(**body)
            self.assertEqual((code, answer["error"]), (400, error), body)
        code, made = make()
        self.assertEqual((code, made["rooms"]), (201, []))
        self.assertEqual(self.refused(server, "ana", made["key"], room="closed"), "room")
        code, made = make(rooms=["keyed", "closed"])
        self.assertEqual((code, made["rooms"]), (201, ["closed", "keyed"]))
        for room in ("default", "keyed", "closed"):
            self.assertEqual(latest(self.join(server, "ana", made["key"], room=room))["room"], room)
        self.assertEqual([self.http(server, "GET", "/keys", key)[0] for key in (None, key_of("porto"))], [401, 403])
        listed = {"keys": [{"name": "ana", "rooms": ["closed", "keyed"]}]}
        self.assertEqual(self.http(server, "GET", "/keys", MONITOR_KEY), (200, listed))

        server.process.signal(9)
        server.process.wait_exit()
        server.start()
        self.assertEqual(self.http(server, "GET", "/keys", MONITOR_KEY), (200, listed))
        ana = self.join(server, "ana", made["key"], room="closed")
        self.assertEqual(latest(ana)["room"], "closed")

        def reload():
            write_json(server.config_path, server.config)
            said = len(server.process.log())
            server.process.signal(1)
            server.process.wait_log("config reloaded", after=said)

        reload()
        self.assertFalse(ana.closed.is_set())
        server.config["rooms"] = rooms[1:]
        reload()
        self.assertTrue(ana.closed.wait(10), "its room is no more")
        server.config["rooms"] = rooms
        reload()
        _, newer = make()
        self.assertEqual(newer["rooms"], ["closed", "keyed"], "a new key for the same rooms")
        self.assertEqual(latest(self.join(server, "ana", newer["key"], room="closed"))["room"], "closed")
        _, last = make(rooms=[])
        self.assertEqual(self.refused(server, "ana", last["key"], room="closed"), "room")
        self.assertEqual(self.http(server, "DELETE", "/keys/ana", MONITOR_KEY)[0], 204)
        self.assertEqual(self.http(server, "GET", "/keys", MONITOR_KEY)[1], {"keys": []})
        self.assertEqual(make()[1]["rooms"], [], "what was deleted opens nothing any more")

    def test_changes_are_limited_for_each_address(self):
        server = self.serve("porto", max_changes_per_second=1, trusted_proxies=["127.0.0.1"])
        path = "/rooms/default/routes"

        def change(number, address="203.0.113.7"):
            head, answer = self.http_with_head(server, "PUT", path, MONITOR_KEY, {"hears": {"porto": [f"{number}"]}},
                                               headers=(f"X-Forwarded-For: {address}",))
            return int(head.split()[1]), head, answer

        answers = []
        while not answers or answers[-1][0] == 200:
            answers.append(change(len(answers)))
            self.assertLess(len(answers), 50, "no end")
        code, head, answer = answers[-1]
        self.assertEqual((code, answer["error"]), (429, "busy"))
        self.assertIn("Retry-After: 1", head.split("\r\n"))
        self.assertGreater(len(answers), 5, "a burst is allowed")
        _, now = self.http(server, "GET", path, MONITOR_KEY)
        self.assertEqual(now, answers[-2][2], "a refused change changes nothing")
        self.assertEqual(change("other", "203.0.113.8")[0], 200)
        wait_for(lambda: change("again")[0] == 200, 10, "the next change to be allowed")

    def test_changes_by_websocket_count_too(self):
        server = self.serve("porto", max_changes_per_second=1)
        monitors = [self.monitor(server) for _ in range(2)]
        for number in range(50):
            monitors[number % 2].send({"set_routes": {"hears": {"porto": [f"{number}"]}}})
        for monitor in monitors:
            self.assertEqual(monitor.wait_message(lambda m: "error" in m, "a refusal")["error"], "busy")
        wait_for(lambda: self.http(server, "DELETE", "/rooms/default/routes", MONITOR_KEY)[0] == 200, 10, "a change")


if __name__ == "__main__":
    main()
