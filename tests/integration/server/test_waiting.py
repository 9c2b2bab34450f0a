# SPDX-License-Identifier: GPL-3.0-or-later
"""What the other side does while its answer takes a while: a key of which the server has only the hash is being checked."""
import errno
import os
import socket
import ssl
import struct

from harness.case import main
from harness.certificates import Authority
from harness.programs import http_get, program, run
from server_case import ServerCase, connect

REQUESTS = 3
ANSWERED = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN)  # the server has, and has closed


class PlainLink:
    """A TCP connection that can close its half."""

    def __init__(self, server):
        self.socket = connect(server.port)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        self.socket.sendall(data)

    def end_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def read(self):
        """All that comes until the end."""
        answer = b""
        try:
            while more := self.socket.recv(65536):
                answer += more
        except ConnectionResetError:  # it closed before it had what was said to it later
            pass
        return answer

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()


class TlsLink(PlainLink):
    """The same in TLS, by hand: Python's own socket cannot close one half."""

    def __init__(self, server, context):
        super().__init__(server)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self._do(self.tls.do_handshake)

    def _do(self, act):
        while True:
            try:
                result = act()
                self.socket.sendall(self.outgoing.read())
                return result
            except ssl.SSLWantReadError:
                self.socket.sendall(self.outgoing.read())
                data = self.socket.recv(65536)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()

    def send(self, data):
        self._do(lambda: self.tls.write(data))

    def end_sending(self):
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.socket.sendall(self.outgoing.read())

    def read(self):
        answer = b""
        try:
            while more := self._do(lambda: self.tls.read(65536)):
                answer += more
        except (ssl.SSLZeroReturnError, ConnectionResetError):
            pass
        return answer


class WaitingTest(ServerCase):
    watchdog_seconds = 110

    def setUp(self):
        super().setUp()
        told = run([program("matriz-configserver"), "--new-key", "ana"])
        self.key, self.hash = (told.stdout.split(f'"{what}": "')[1].split('"')[0] for what in ("key", "key_hash"))

    def serve_hashed(self, **extra):
        server = self.serve(start=False, failed_attempts_per_minute=10000, register_timeout_s=100, **extra)
        server.config["client_keys"].append({"name": "ana", "key_hash": self.hash})
        return server.start()

    def wrong_key(self, number):
        """It has the id that the server knows, so its hash must be computed."""
        return f"{self.key[:9]}{'23456789'[number] * 32}"

    def answered_twice(self, ask):
        """The server has read whatever was sent to it before."""
        for _ in range(2):
            self.assertEqual(ask(), 200)

    def ask_and_then(self, link_to, alive, act):
        """Requests of which all but the first wait for the hashes of those before; `act(link)` on each meanwhile. On a
        busy machine some are answered before; to those it comes too late."""
        links = [link_to() for _ in range(REQUESTS)]
        for link in links:
            self.addCleanup(link.close)
        for number, link in enumerate(links):
            link.send(f"GET /rooms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.wrong_key(number)}\r\n\r\n".encode())
        self.answered_twice(alive)
        for link in links:
            try:
                act(link)
            except OSError as error:
                if error.errno not in ANSWERED:
                    raise
        self.answered_twice(alive)
        return links

    def plain(self):
        server = self.serve_hashed()
        return server, lambda: PlainLink(server), lambda: http_get(f"http://127.0.0.1:{server.port}/healthz")[0]

    def encrypted(self):
        authority = Authority(self.stage.folder, "ca")
        crt, key = authority.issue("server", "DNS:localhost")
        server = self.serve_hashed(tls_crt=crt, tls_key=key)
        context = ssl.create_default_context(cafile=authority.certificate)

        def alive():
            link = TlsLink(server, context)
            link.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            status = int(link.read().split()[1])
            link.close()
            return status
        return server, lambda: TlsLink(server, context), alive

    def check_answers(self, links):
        for link in links:
            answer = link.read()
            self.assertEqual(answer.split()[1:2], [b"401"], answer)
            self.assertEqual(answer.count(b"HTTP/1.1"), 1, answer)

    def test_who_says_more_gets_its_one_answer(self):
        for what in (self.plain, self.encrypted):
            with self.subTest(what=what.__name__):
                server, link_to, alive = what()
                for more in (b"X", b"GET /rooms HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(50000)):
                    self.check_answers(self.ask_and_then(link_to, alive, lambda link: link.send(more)))  # pylint: disable=cell-var-from-loop
                self.assertTrue(server.process.running())

    def test_who_has_said_all_gets_its_answer(self):
        for what in (self.plain, self.encrypted):
            with self.subTest(what=what.__name__):
                _, link_to, alive = what()
                self.check_answers(self.ask_and_then(link_to, alive, lambda link: link.end_sending()))

    def test_who_leaves_costs_nothing(self):
        server, link_to, alive = self.plain()

        def leave(link):
            link.end_sending()
            link.reset()
        self.ask_and_then(link_to, alive, leave)
        self.ask_and_then(link_to, alive, lambda link: link.reset())
        link = link_to()
        link.send(f"GET /rooms/default/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n\r\n".encode())
        link.end_sending()
        self.assertIn(b"HTTP/1.1 403", link.read())
        self.assertTrue(server.process.running())


if __name__ == "__main__":
    main()
