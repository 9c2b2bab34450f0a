# SPDX-License-Identifier: GPL-3.0-or-later
"""What one member says to the others: it must not harm them, nor keep the server from anyone else."""
import json
import ssl

from harness.case import main
from harness.certificates import Authority
from harness.wait import wait_for
from server_case import RawClient, ServerCase, frame
from talk import heard_meanwhile, next_message, read_until

MAX_MESSAGE = 256 * 1024  # what a node takes (common/protocol/limits.hpp)


class RelayTest(ServerCase):
    def raw(self, server, name, **more):
        client = RawClient(server.port)
        self.addCleanup(client.close)
        client.register(name, **more)
        return client

    def test_what_grows_is_refused_to_its_sender(self):
        """Written anew, a control character has six bytes and 0.1 has 19."""
        server = self.serve("porto", "lisboa", "braga")
        sender = self.raw(server, "porto")
        with_routes = self.raw(server, "lisboa")
        for hears in (None, {"lisboa": ["porto"]}):
            self.assertEqual(self.http(server, "PUT", "/rooms/default/routes", "key-of-the-monitor", {"hears": hears})[0], 200)
            for text in (b'{"x":"' + b"\x01" * 60000 + b'"}', b'{"x":[' + b",".join([b"0.1"] * 15000) + b"]}"):
                sender.text(text)
                answer, _ = read_until(sender, lambda m: "error" in m)
                self.assertEqual(answer["error"], "message")
                self.assertIn("262144", answer["message"])
            sender.text({"mark": str(hears)})
            said, sizes = read_until(with_routes, lambda m: m.get("mark") == str(hears))  # pylint: disable=cell-var-from-loop
            self.assertEqual(said["name"], "porto")
            self.assertLess(max(sizes, default=0), MAX_MESSAGE)

    def test_who_has_others_told_too_much_must_wait(self):
        """What is passed on counts once for each receiver; the sender hears of it, and may again later."""
        server = self.serve("porto", "lisboa", "braga", max_relayed_bytes_per_second=65536)
        sender, lisboa = self.raw(server, "porto"), self.raw(server, "lisboa")
        said = 0
        for said in range(100):
            sender.text({"said": said, "filling": "x" * 60000})
            sender.text({"refresh": True})
            busy = any(m.get("error") == "busy" for m in heard_meanwhile(sender))
            if busy:
                break
        self.assertTrue(busy)
        self.assertLess(said, 10, "four seconds' worth, each word to one other")
        braga = self.raw(server, "braga")
        heard, _ = read_until(lisboa, lambda m: m.get("name") == "braga")
        self.assertIn("lisboa", [c["name"] for c in heard["clients"]], "news of the server's own are not held back")

        def again():
            sender.text({"again": 1})
            return not any(m.get("error") == "busy" for m in heard_meanwhile(sender))
        wait_for(again, 20, "the sender's next turn")
        read_until(braga, lambda m: m.get("again") == 1)

    def test_many_at_once_are_taken_in_order(self):
        """More than one turn's worth in one packet, in the clear and in TLS, where epoll tells of the first part only."""
        authority = Authority(self.stage.folder, "ca")
        crt, key = authority.issue("server", "DNS:localhost")
        for context, extra in ((None, {}), (ssl.create_default_context(cafile=authority.certificate),
                                            {"tls_crt": crt, "tls_key": key})):
            with self.subTest(tls=bool(context)):
                server = self.serve("porto", "lisboa", **extra)
                sender, lisboa = RawClient(server.port, context=context), RawClient(server.port, context=context)
                self.addCleanup(sender.close)
                self.addCleanup(lisboa.close)
                sender.register("porto")
                lisboa.register("lisboa")
                words = [frame(1, json.dumps({"word": i, "filling": "x" * (i % 50)}).encode()) for i in range(200)]
                sender.send(b"".join(words) + frame(1, b'{"deregister":""}'))
                heard = []
                while True:
                    message = next_message(lisboa)
                    if "word" in message:
                        heard.append(message["word"])
                    elif "disconnected" in message.get("message", ""):
                        break
                self.assertEqual(heard, list(range(200)))
                self.assertEqual(sender.close_code(), 1000)


if __name__ == "__main__":
    main()
