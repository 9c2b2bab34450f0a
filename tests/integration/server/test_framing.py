# SPDX-License-Identifier: GPL-3.0-or-later
"""Websocket framing, good and bad (RFC 6455), with sockets by hand; and HTTP that is not quite HTTP."""
import json
import os
import socket
import struct

from harness.case import main
from harness.wait import wait_for
from server_case import CLOSE, PING, PONG, TEXT, RawClient, ServerCase, connect, frame, key_of

CONTINUE, BINARY = 0, 2


class FramingTest(ServerCase):
    def setUp(self):
        super().setUp()
        self.server = self.serve("porto", "lisboa", register_timeout_s=60)

    def raw(self, **options):
        client = RawClient(self.server.port, **options)
        self.addCleanup(client.close)
        return client

    def still_serves(self):
        client = self.raw()
        self.assertEqual(client.register("lisboa")["name"], "lisboa")
        client.close()

    def code_for(self, data):
        client = self.raw()
        client.register("porto")
        client.send(data)
        code = client.close_code()
        self.assertTrue(client.ended())
        return code

    def test_frames_that_break_the_protocol(self):
        hello = b'{"a":1}'
        close = lambda code, reason=b"": frame(CLOSE, struct.pack(">H", code) + reason)
        for what, data, code in (
                ("not masked", frame(TEXT, hello, masked=False), 1002),
                ("reserved bit 1", frame(TEXT, hello, reserved=4), 1002),
                ("reserved bit 2", frame(TEXT, hello, reserved=2), 1002),
                ("reserved bit 3", frame(TEXT, hello, reserved=1), 1002),
                ("unknown data frame", frame(3, hello), 1002),
                ("unknown control frame", frame(11, hello), 1002),
                ("binary", frame(BINARY, hello), 1003),
                ("fragmented ping", frame(PING, b"x", fin=False), 1002),
                ("long ping", frame(PING, b"x" * 126), 1002),
                ("nothing to continue", frame(CONTINUE, hello), 1002),
                ("text within a text", frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
                ("too large", frame(TEXT, b"", length=2 ** 20), 1009),
                ("impossibly large", frame(TEXT, b"", length=2 ** 63), 1002),
                ("larger than any memory", frame(TEXT, b"", length=2 ** 62), 1009),
                ("length longer than needed", bytes([0x81, 0x80 | 126, 0, 5]) + b"mask" + b"hello", 1002),
                ("large in fragments", frame(TEXT, b"x" * 40000, fin=False) + frame(CONTINUE, b"x" * 40000), 1009),
                ("half a UTF-8 character", frame(TEXT, b'{"a":"\xc3"}'), 1007),
                ("surrogate in UTF-8", frame(TEXT, b'{"a":"\xed\xa0\x80"}'), 1007),
                ("overlong UTF-8", frame(TEXT, b'{"a":"\xc0\xaf"}'), 1007),
                ("close cut short", frame(CLOSE, b"\x03"), 1002),
                ("close 999", close(999), 1002),
                ("close 1005", close(1005), 1002),
                ("close 1006", close(1006), 1002),
                ("close 1015", close(1015), 1002),
                ("close 2000", close(2000), 1002),
                ("close 5000", close(5000), 1002),
                ("close with bad UTF-8", close(1000, b"\xff"), 1007),
                ("close", close(1000), 1000),
                ("close 3000", close(3000, b"bye"), 3000),
                ("close without code", frame(CLOSE), 1000)):
            with self.subTest(what=what):
                self.assertEqual(self.code_for(data), code)
        self.still_serves()

    def test_frames_in_every_cut(self):
        """One message in fragments, with pings in between, byte by byte."""
        client = self.raw()
        client.register("porto")
        other = self.raw()
        other.register("lisboa")
        text = json.dumps({"word": "sautée", "n": "x" * 300}, ensure_ascii=False).encode()
        cut = text.index(b"\xc3") + 1  # within a character
        data = frame(TEXT, text[:cut], fin=False) + frame(PING, b"here?") + frame(CONTINUE, b"", fin=False) \
            + frame(PONG, b"unasked") + frame(CONTINUE, text[cut:])
        for byte in data:
            client.send(bytes([byte]))
        while (answer := client.read_answer())[0] != PONG:
            pass
        self.assertEqual(answer[1], b"here?")
        self.assertEqual(other.wait_text(lambda m: "word" in m)["word"], "sautée")

    def test_many_messages_in_one_packet(self):
        client = self.raw()
        client.register("porto")
        client.send(b"".join(frame(PING, str(i).encode()) for i in range(50)))
        got = [client.read_answer() for _ in range(50)]
        self.assertEqual(got, [(PONG, str(i).encode()) for i in range(50)])

    def test_floods_are_closed(self):
        for data in (frame(PING, b"x" * 100), frame(PONG), frame(TEXT, b'{"gain":1}'), frame(TEXT, b"nonsense")):
            with self.subTest(data=data[:1]):
                client = self.raw()
                client.register("porto")
                try:
                    for _ in range(2000):
                        client.send(data)
                except (ConnectionError, socket.timeout):
                    pass
                self.assertIn(client.close_code(), (1008, None))
                self.assertTrue(client.ended())
        self.still_serves()

    def test_binary_before_registering(self):
        client = self.raw()
        client.send(frame(BINARY, b"\0"))
        self.assertEqual(client.close_code(), 1003)

    def test_half_a_surrogate_is_not_passed_on(self):
        porto, lisboa = self.raw(), self.raw()
        lisboa.register("lisboa")
        porto.register("porto")
        for text in (rb'{"a":"\udc00"}', rb'{"a":"\ud800"}', rb'{"\udc00":1}', rb'{"signal":"\udc00","to":"lisboa"}'):
            porto.text(text)
        porto.text({"last": True})
        while True:
            message = json.loads(lisboa.read_text())  # raises if it is not UTF-8
            if message.get("last"):
                break
            self.assertNotIn("a", message)

    def test_what_only_the_server_says_cannot_be_forged(self):
        porto, lisboa = self.raw(), self.raw()
        lisboa.register("lisboa")
        porto.register("porto")
        porto.text({"name": "lisboa", "clients": [], "version": 10 ** 9, "epoch": "mine", "error": "key", "room": "r",
                    "ip": "1.2.3.4", "from": "lisboa", "matriz": 99, "status": {}, "listeners": [], "mark": 1})
        message = lisboa.wait_text(lambda m: "mark" in m)
        self.assertEqual(message["name"], "porto")
        self.assertEqual(sorted(c["name"] for c in message["clients"]), ["lisboa", "porto"])
        self.assertLess(message["version"], 1000)
        for forged in ("error", "ip", "from", "matriz", "status", "listeners"):
            self.assertNotIn(forged, message)

    def test_deep_json(self):
        client = self.raw()
        client.register("porto")
        client.text(b"[" * 30000)
        self.assertEqual(json.loads(client.read_text())["error"], "message")
        client.text(b'{"a":' * 5000 + b"1" + b"}" * 5000)
        self.assertEqual(json.loads(client.read_text())["error"], "message")

    def answer(self, data, shut=False):
        with connect(self.server.port) as link:
            link.sendall(data)
            if shut:
                link.shutdown(socket.SHUT_WR)
            got = b""
            try:
                while more := link.recv(65536):
                    got += more
            except ConnectionResetError:
                pass
            return got

    def test_bad_http(self):
        for what, data, status in (
                ("no request", b"\r\n\r\n", 400),
                ("no version", b"GET /\r\n\r\n", 400),
                ("version 2", b"GET / HTTP/2.0\r\n\r\n", 505),
                ("absolute target", b"GET http://x/ HTTP/1.1\r\n\r\n", 400),
                ("space in a header's name", b"GET / HTTP/1.1\r\nA b: c\r\n\r\n", 400),
                ("folded header", b"GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n", 400),
                ("bare line feeds", b"GET / HTTP/1.1\nHost: x\n\r\n\r\n", 400),
                ("NUL in a header", b"GET / HTTP/1.1\r\nA: \0\r\n\r\n", 400),
                ("two lengths", b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
                ("negative length", b"PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
                ("length and chunks", b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 501),
                ("huge body", b"PUT / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
                ("overflowing length", b"PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
                ("huge head", b"GET / HTTP/1.1\r\nA: " + b"x" * 20000, 431),
                ("many headers", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
                ("bad escape", b"GET /%zz HTTP/1.1\r\n\r\n", 400),
                ("escaped NUL", b"GET /%00 HTTP/1.1\r\n\r\n", 400),
                ("no such path", b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
                ("path tricks", b"GET /rooms/../healthz HTTP/1.1\r\nHost: x\r\n\r\n", 404),
                ("no websocket", b"GET /config HTTP/1.1\r\nHost: x\r\n\r\n", 426),
                ("old websocket", b"GET /config HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                 b"Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 426),
                ("bad websocket key", b"GET /config HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                 b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n", 400),
                ("websocket elsewhere", b"GET /other HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                 b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 404)):
            with self.subTest(what=what):
                self.assertTrue(self.answer(data).startswith(b"HTTP/1.1 %d " % status), self.answer(data)[:300])
        self.still_serves()

    def test_health_by_head_and_half_closed(self):
        answer = self.answer(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\n"))
        self.assertIn(b'"ok"', self.answer(b"GET /healthz HTTP/1.0\r\n\r\n", shut=True))

    def test_slowloris(self):
        """Whoever has not asked or registered in the time allowed is closed, whatever trickles in."""
        self.server.stop()
        self.server.config["register_timeout_s"] = 3
        self.server.start()
        silent, half, trickling = (RawClient(self.server.port, handshake=False) for _ in range(3))
        half.send(b"GET /config HTTP/1.1\r\nHost: x\r\n")
        upgraded = self.raw()
        body = RawClient(self.server.port, handshake=False)
        body.send(b"PUT /rooms/default/routes HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        with self.assertRaises(OSError):
            trickling.send(b"GET /config HTTP/1.1\r\n")
            trickling.socket.settimeout(0.2)
            while True:
                trickling.send(b"A: b\r\n")
                try:
                    if not trickling.socket.recv(1):
                        raise ConnectionError("closed")
                except socket.timeout:
                    pass
        for client in (silent, half, body):
            self.assertTrue(client.ended())
            client.close()
        trickling.close()
        self.assertEqual(upgraded.close_code(), 1008)
        self.still_serves()

    def test_key_never_in_the_log(self):
        secret = "s3cret-" + os.urandom(4).hex()
        client = self.raw()
        client.text({"register": "", "name": "porto", "key": secret, "port": 1})
        self.assertEqual(json.loads(client.read_text())["error"], "key")
        client = self.raw()
        client.text('{"register":"","key":"%s","port":99999999}' % secret)
        client.text(b'{"register":"","key":"%s"' % secret.encode())
        client.close_code()
        for target in ("/keys", f"/keys?key={secret}"):
            self.assertIn(b" 401 ", self.answer(f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n\r\n".encode()))
        wait_for(lambda: "/keys with a key that is not known" in self.server.process.log(), 10, "the other log line")
        wait_for(lambda: "tried to register" in self.server.process.log(), 10, "the log line")
        self.assertNotIn(secret, self.server.process.log())
        self.assertNotIn(key_of("porto"), self.server.process.log())


if __name__ == "__main__":
    main()
