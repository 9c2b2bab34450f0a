# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the config server share: the program, websockets of an outside library, plain sockets, HTTP."""
import base64
import json
import os
import socket
import ssl
import struct

from harness.case import StageCase
from harness.original_client import OriginalClient

MONITOR_KEY = "key-of-the-monitor"


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
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if key is not None:
            lines.append(f"Authorization: Bearer {key}")
        if body is not None:
            lines.append(f"Content-Length: {len(data)}")
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as link:
            link.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
            answer = b""
            while more := link.recv(65536):
                answer += more
        head, _, text = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(text) if b"application/json" in head else text.decode()

    def refused(self, server, name, key=None, **more):
        """The error code with which a register is refused; the server must then close."""
        client = self.join(server, name, key, **more)
        answer = client.messages[0]
        self.assertNotIn("clients", answer)
        self.assertTrue(answer["message"])
        self.assertTrue(client.closed.wait(10), "the server did not close")
        return answer["error"]


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

    def __init__(self, port, address="127.0.0.1", context=None, source=None, headers=(), handshake=True):
        self.socket = socket.create_connection((address, port), timeout=20, source_address=source)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.buffer = b""
        if handshake:
            self.upgrade(headers)

    def upgrade(self, headers=()):
        lines = ["GET /config HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
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
        return json.loads(self.read_frame()[1])

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

    def close_code(self):
        """Reads on until the server closes; the code it gave, or None if it just ended."""
        try:
            while True:
                opcode, payload = self.read_frame()
                if opcode == 8:
                    return struct.unpack(">H", payload[:2])[0] if payload else 1005
        except (EOFError, ConnectionError, ssl.SSLError):
            return None

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
