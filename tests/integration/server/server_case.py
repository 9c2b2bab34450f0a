# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the config server share: the program, websockets of an outside library, plain sockets, HTTP."""
import base64
import collections
import json
import os
import socket
import ssl
import struct

from harness.case import StageCase
from harness.original_client import OriginalClient
from harness.wait import PATIENCE, wait_for

MONITOR_KEY = "key-of-the-monitor"
SOCKET_TIMEOUT = 20 * PATIENCE  # seconds for one step of a socket; only a fault lasts that long
TEXT, PING, PONG, CLOSE = 1, 9, 10, 8


def key_of(name):
    return f"key-of-{name}"


class ServerCase(StageCase):
    watchdog_seconds = 60

    def serve(self, *names, start=True, **extra):
        """A server that knows these names, with these further config keys."""
        server = self.stage.server({name: key_of(name) for name in names}, monitor_key=MONITOR_KEY, extra=extra)
        return server.start() if start else server

    def client(self, server, name, key=None, wait=True, **more):
        """An outside websocket client that has registered; `more` goes into its register message."""
        client = OriginalClient(server.url, name, key_of(name) if key is None else key, port=more.pop("port", 1),
                                escaped=more.pop("escaped", False))
        client.register.update(more)
        self.stage.defer(client.stop)
        client.start()
        if wait:
            client.wait_message(lambda m: "n_clients" in m or "error" in m, f"the answer to {name}")
        return client

    def join(self, server, name, key=None, **more):
        """The same, speaking this project's version of the protocol."""
        return self.client(server, name, key, matriz=1, **more)

    def monitor(self, server, **more):
        client = self.client(server, "monitor", MONITOR_KEY, wait=False, **more)
        client.wait_message(lambda m: m.get("status") == "ok", "the monitor's welcome")
        return client

    def http(self, server, method, path, key=None, body=None, headers=()):
        """(status, answer): the answer decoded if it is JSON."""
        head, answer = self.http_with_head(server, method, path, key, body, headers)
        return int(head.split()[1]), answer

    def http_with_head(self, server, method, path, key=None, body=None, headers=()):
        """(the answer's head, answer)"""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if key is not None:
            lines.append(f"Authorization: Bearer {key}")
        if body is not None:
            lines.append(f"Content-Length: {len(data)}")
        with connect(server.port) as link:
            link.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
            answer = b""
            while more := link.recv(65536):
                answer += more
        head, _, text = answer.partition(b"\r\n\r\n")
        return head.decode(), json.loads(text) if b"application/json" in head else text.decode()

    @staticmethod
    def refusal(client, message):
        """What the server answers to a message that it does not take."""
        def answers():
            return [m for m in list(client.messages) if "error" in m]
        before = len(answers())
        client.send(message)
        return wait_for(lambda: answers()[before:], 10, f"a refusal of {str(message)[:100]}")[0]

    def refused(self, server, name, key=None, **more):
        """The error code with which a register is refused; the server must then close."""
        client = self.join(server, name, key, **more)
        answer = client.messages[0]
        self.assertNotIn("clients", answer)
        self.assertTrue(answer["message"])
        self.assertTrue(client.closed.wait(10), "the server did not close")
        return answer["error"]


def connect(port, address="127.0.0.1", **options):
    """A TCP connection on which waiting has an end."""
    return socket.create_connection((address, port), timeout=SOCKET_TIMEOUT, **options)


def frame(opcode, payload=b"", fin=True, masked=True, reserved=0, length=None):
    """One websocket frame as a client sends it; `length` forges the announced one."""
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | (reserved << 4) | opcode])
    bit = 0x80 if masked else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


class RawClient:
    """A websocket by hand, to send what no library would."""

    def __init__(self, port, address="127.0.0.1", context=None, source=None, headers=(), handshake=True, host="localhost"):
        self.socket = connect(port, address, source_address=source)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname=host)
        self.host = host
        self.buffer = b""
        self.texts = collections.deque()  # that came while nobody asked for one
        if handshake:
            self.upgrade(headers)

    @classmethod
    def over(cls, link):
        """The same over a connected socket."""
        client = cls.__new__(cls)
        client.host, client.socket, client.buffer, client.texts = "localhost", link, b"", collections.deque()
        client.upgrade()
        return client

    def upgrade(self, headers=()):
        lines = ["GET /config HTTP/1.1", f"Host: {self.host}", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Version: 13",
                 *headers]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        head = self.read_until(b"\r\n\r\n")
        if b" 101 " not in head:
            raise ConnectionError(head.decode())

    def send(self, data):
        self.socket.sendall(data)

    def text(self, message):
        self.send(frame(1, message if isinstance(message, bytes) else json.dumps(message).encode()))

    def register(self, name, key=None, **more):
        """The reply. Without a port: nothing is checked, so no outcome of a check comes in between."""
        self.text({"register": "", "name": name, "key": key or key_of(name), "port": 0, "matriz": 1, **more})
        return json.loads(self.read_text())

    def read_until(self, mark):
        while mark not in self.buffer:
            self._fill()
        head, _, self.buffer = self.buffer.partition(mark)
        return head

    def _fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the server closed")
        self.buffer += data

    def _take(self, count):
        while len(self.buffer) < count:
            self._fill()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def read_frame(self):
        """(opcode, payload)"""
        first, second = self._take(2)
        size = second & 0x7f
        if size == 126:
            size = struct.unpack(">H", self._take(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._take(8))[0]
        return first & 0x0f, self._take(size)

    def read_answer(self):
        """(opcode, payload) of the next frame that is no ping; pings come whenever they like, and are answered."""
        while True:
            opcode, payload = self.read_frame()
            if opcode != PING:
                return opcode, payload
            self.send(frame(PONG, payload))

    def read_text(self):
        """The next text. Pings are answered, and what else there is between texts is passed over."""
        while not self.texts:
            opcode, payload = self.read_answer()
            if opcode == TEXT:
                self.texts.append(payload)
            elif opcode == CLOSE:
                raise EOFError(f"the server closes: {payload}")
        return self.texts.popleft()

    def wait_text(self, fits):
        """The next text, as JSON, for which fits(message) is true."""
        while not fits(message := json.loads(self.read_text())):
            pass
        return message

    def stay(self):
        """Answers the pings that have come, without waiting, so that the server keeps it; texts are kept for read_text()."""
        while self._fill_now() or self._has_frame():
            while self._has_frame():
                opcode, payload = self.read_frame()
                if opcode == PING:
                    self.send(frame(PONG, payload))
                elif opcode == TEXT:
                    self.texts.append(payload)
                elif opcode == CLOSE:
                    raise EOFError(f"the server closes: {payload}")

    def _fill_now(self):
        """Has more come?"""
        self.socket.settimeout(0)
        try:
            self._fill()
            return True
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            self.socket.settimeout(SOCKET_TIMEOUT)

    def _has_frame(self):
        if len(self.buffer) < 2:
            return False
        size, head = self.buffer[1] & 0x7f, 2
        if size > 125:
            head += 2 if size == 126 else 8
            size = int.from_bytes(self.buffer[2:head], "big")
        return len(self.buffer) >= head + size

    def close_code(self):
        """Reads on until the server closes; the code it gave, or None if it just ended."""
        try:
            while True:
                opcode, payload = self.read_frame()
                if opcode == 8:
                    return struct.unpack(">H", payload[:2])[0] if payload else 1005
        except (EOFError, ConnectionError, ssl.SSLError):
            return None

    def read_all(self):
        """All that comes until the end of the stream."""
        answer, self.buffer = self.buffer, b""
        while data := self.socket.recv(65536):
            answer += data
        return answer

    def ended(self):
        """Reads on until the end of the stream."""
        try:
            while self.socket.recv(65536):
                pass
        except (ConnectionError, ssl.SSLError):
            pass
        return True

    def close(self):
        self.socket.close()
