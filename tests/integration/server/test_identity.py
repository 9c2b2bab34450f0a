# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingerprints in the list, STUN and TURN servers for nodes, and what original clients see of them."""
import base64
import hashlib
import hmac
import signal
import time

from harness.case import main
from harness.programs import write_json
from harness.wait import wait_for
from server_case import ServerCase

FIRST = ":".join(["AB"] * 32)
SECOND = ":".join(["CD"] * 32)
SECRET = "north wind"


def entry(message, name):
    return next(c for c in message["clients"] if c["name"] == name)


class FingerprintTest(ServerCase):
    def test_goes_to_everyone_in_one_spelling(self):
        server = self.serve("porto", "lisboa", "faro")
        porto = self.join(server, "porto", fingerprint="ab" * 32, rtsp="tls", transport="rtsp")
        self.assertEqual(entry(porto.messages[0], "porto")["fingerprint"], FIRST)
        lisboa = self.join(server, "lisboa")
        told = entry(lisboa.messages[0], "porto")
        self.assertEqual((told["fingerprint"], told["rtsp"], told["transport"]), (FIRST, "tls", "rtsp"))
        self.assertFalse({"fingerprint", "rtsp", "transport"} & set(entry(lisboa.messages[0], "lisboa")))
        original = self.client(server, "faro", escaped=True)
        self.assertEqual(original.names(), ["faro", "lisboa", "porto"])

    def test_a_change_is_pushed_as_one(self):
        server = self.serve("porto", "lisboa")
        lisboa = self.join(server, "lisboa")
        self.join(server, "porto", fingerprint=FIRST)
        first = lisboa.wait_message(lambda m: any(c.get("fingerprint") == FIRST for c in m["clients"]), "the first")
        self.join(server, "porto", fingerprint=SECOND)
        second = lisboa.wait_message(lambda m: any(c.get("fingerprint") == SECOND for c in m["clients"]), "the second")
        self.assertEqual((second["name"], second["message"]), ("porto", "[porto] connected to config server"))
        self.assertGreater(second["version"], first["version"])
        again = self.join(server, "porto", fingerprint=SECOND)
        self.join(server, "porto")
        bare = lisboa.wait_message(lambda m: m["version"] > second["version"], "the list without it")
        self.assertNotIn("fingerprint", entry(bare, "porto"))
        self.assertEqual(bare["version"], second["version"] + 1, "the same identity again is no news")
        self.assertTrue(again.closed.wait(10))

    def test_a_wrong_one_is_refused(self):
        server = self.serve("porto")
        for wrong in (7, "AB:CD", "xy" * 32, FIRST + ":AB"):
            self.assertEqual(self.refused(server, "porto", fingerprint=wrong), "message")

    def test_nobody_takes_a_guests_name_with_another_certificate(self):
        server = self.serve(rooms=[{"name": "guests", "key": "come-in"}])
        ana = self.join(server, "ana", "come-in", room="guests", fingerprint=FIRST)
        self.assertEqual(self.refused(server, "ana", "come-in", room="guests", fingerprint=SECOND), "name")
        self.assertEqual(self.refused(server, "ana", "come-in", room="guests"), "name")
        self.assertFalse(ana.closed.is_set())
        back = self.join(server, "ana", "come-in", room="guests", fingerprint=FIRST)
        self.assertEqual(back.names(), ["ana"])
        self.assertTrue(ana.closed.wait(10))


class IceServersTest(ServerCase):
    def check_made(self, told, name, ttl, since):
        """A credential for `name`, made after time.time() `since`, that ends after `ttl` seconds."""
        expires, user = told["username"].split(":", 1)
        self.assertEqual(user, name)
        self.assertGreaterEqual(int(expires), int(since) + ttl)
        self.assertLessEqual(int(expires), time.time() + ttl)
        proof = base64.b64encode(hmac.digest(SECRET.encode(), told["username"].encode(), hashlib.sha1)).decode()
        self.assertEqual(told["credential"], proof)

    def reload(self, server, servers):
        before = server.process.log().count("config reloaded")
        server.config["ice_servers"] = servers
        write_json(server.config_path, server.config)
        server.process.signal(signal.SIGHUP)
        wait_for(lambda: server.process.log().count("config reloaded") > before, 10, "the reload")

    def test_nodes_get_them_and_original_clients_do_not(self):
        stun = {"urls": ["stun:stun.example.org"]}
        fixed = {"urls": ["turn:a.example"], "username": "u", "credential": "c"}
        made = {"urls": ["turn:b.example:3478?transport=udp"], "secret": SECRET, "ttl": 600}
        server = self.serve("porto", "lisboa", ice_servers=[stun, fixed, made])
        began = time.time()
        porto, original = self.join(server, "porto"), self.client(server, "lisboa")
        told = porto.messages[0]["ice_servers"]
        self.assertEqual(told[:2], [stun, fixed])
        self.assertEqual(told[2]["urls"], made["urls"])
        self.check_made(told[2], "porto", 600, began)
        heard = len(porto.messages)
        began = time.time()
        self.reload(server, [{**made, "ttl": 1200}])
        pushed = porto.wait_message(lambda m: set(m) == {"ice_servers"}, "the new ones")["ice_servers"]
        self.check_made(pushed[0], "porto", 1200, began)
        self.reload(server, [{**made, "ttl": 1200}])
        self.reload(server, [])
        porto.wait_message(lambda m: m == {"ice_servers": []}, "that there are none any more")
        self.assertEqual(len([m for m in porto.messages[heard:] if "ice_servers" in m]), 2, "the same again is no news")
        original.send({"mark": 1, "ice_servers": [{"urls": "turn:spy.example"}]})
        said = porto.wait_message(lambda m: "mark" in m, "the word")
        self.assertNotIn("ice_servers", said, "only the server says that")
        self.assertFalse([m for m in original.messages if "ice_servers" in m])
        self.assertNotIn(SECRET, server.process.log())

    def test_credentials_are_renewed_before_they_end(self):
        server = self.serve("porto", ice_servers=[{"urls": ["turn:b.example"], "secret": SECRET, "ttl": 10}])
        began = time.time()
        porto = self.join(server, "porto")
        self.check_made(porto.messages[0]["ice_servers"][0], "porto", 10, began)

        def renewals():
            return [m["ice_servers"][0] for m in list(porto.messages) if set(m) == {"ice_servers"}]
        wait_for(lambda: len(renewals()) >= 2, 30, "two renewals")
        for told in renewals():
            self.check_made(told, "porto", 10, began)
        # In whole seconds. The first renewal may come in the second of the joining, the next comes some later.
        first, fresh = (int(told["username"].split(":")[0]) for told in renewals()[:2])
        self.assertGreater(fresh, first)


if __name__ == "__main__":
    main()
