# SPDX-License-Identifier: GPL-3.0-or-later
"""What one member says to the others: it must not harm them, nor keep the server from anyone else."""
import json

from harness.case import main
from server_case import RawClient, ServerCase, frame

MAX_MESSAGE = 256 * 1024  # what a node takes (common/protocol/limits.hpp)


class RelayTest(ServerCase):
    def raw(self, server, name, **more):
        client = RawClient(server.port)
        self.addCleanup(client.close)
        client.register(name, **more)
        return client

    @staticmethod
    def next_text(client):
        while True:
            opcode, payload = client.read_frame()
            if opcode == 1:
                return payload
            if opcode == 9:
                client.send(frame(10, payload))

    def until(self, client, fits):
        """Reads on to the first message that fits; it and the sizes of those before."""
        sizes = []
        while True:
            text = self.next_text(client)
            message = json.loads(text)
            if fits(message):
                return message, sizes
            sizes.append(len(text))

    def test_what_grows_is_refused_to_its_sender(self):
        """Written anew, a control character has six bytes and 0.1 has 19."""
        server = self.serve("porto", "lisboa", "braga")
        sender = self.raw(server, "porto")
        with_routes = self.raw(server, "lisboa")
        for hears in (None, {"lisboa": ["porto"]}):
            self.assertEqual(self.http(server, "PUT", "/rooms/default/routes", "key-of-the-monitor", {"hears": hears})[0], 200)
            for text in (b'{"x":"' + b"\x01" * 60000 + b'"}', b'{"x":[' + b",".join([b"0.1"] * 15000) + b"]}"):
                sender.text(text)
                answer, _ = self.until(sender, lambda m: "error" in m)
                self.assertEqual(answer["error"], "message")
                self.assertIn("262144", answer["message"])
            sender.text({"mark": str(hears)})
            said, sizes = self.until(with_routes, lambda m: m.get("mark") == str(hears))  # pylint: disable=cell-var-from-loop
            self.assertEqual(said["name"], "porto")
            self.assertLess(max(sizes, default=0), MAX_MESSAGE)


if __name__ == "__main__":
    main()
