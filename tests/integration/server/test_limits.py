# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stranger may take: connections, memory, time, other people's addresses."""
import json
import os
import re
import select
import signal
import socket
import struct

from harness.case import main
from harness.programs import http_get
from harness.wait import wait_for
from server_case import MONITOR_KEY, RawClient, ServerCase, frame, key_of


class LimitsTest(ServerCase):
    watchdog_seconds = 120

    def raw(self, server, **options):
        client = RawClient(server.port, **options)
        self.addCleanup(client.close)
        return client

    @staticmethod
    def resident(server):
        with open(f"/proc/{server.process.popen.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024

    @staticmethod
    def sanitized(server):
        """Sanitizers reserve terabytes for their shadow, and keep freed memory for a while: its size then says nothing."""
        with open(f"/proc/{server.process.popen.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmSize:\s+(\d+)", status.read()).group(1)) > 2 ** 30

    def metric(self, server, name):
        code, text = http_get(f"http://127.0.0.1:{server.port}/metrics")
        self.assertEqual(code, 200)
        return float(re.search(rf"(?m)^{name} (\S+)$", text).group(1))

    def test_a_thousand_that_never_register(self):
        server = self.serve("porto", "lisboa", max_connections=300, max_unregistered=200, register_timeout_s=600,
                            max_connections_per_address=100000)
        porto = self.raw(server)
        porto.register("porto")
        idle = []
        for i in range(1000):
            idle.append(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            if i % 2:
                idle[-1].sendall(b"GET /config HTTP/1.1\r\n")
        wait_for(lambda: self.metric(server, "matriz_server_unregistered") <= 200, 10, "the oldest to go")
        lisboa = self.raw(server)
        self.assertEqual(lisboa.register("lisboa")["n_clients"], 2)
        self.assertIn(b"lisboa", porto.read_frame()[1])
        self.assertGreater(self.metric(server, "matriz_server_evicted_total"), 700)
        open_files = len(os.listdir(f"/proc/{server.process.popen.pid}/fd"))
        self.assertLess(open_files, 300)
        for link in idle:
            link.close()
        wait_for(lambda: self.metric(server, "matriz_server_connections") <= 3, 10, "the connections to end")

    def test_connections_of_one_address(self):
        server = self.serve("porto", "lisboa", max_connections_per_address=5)
        many = [self.raw(server) for _ in range(5)]
        with self.assertRaises((ConnectionError, EOFError)):
            self.raw(server)
        other = self.raw(server, source=("127.0.0.2", 0))
        self.assertEqual(other.register("porto")["ip"], "127.0.0.2")
        many[0].close()

        def another():
            try:
                return self.raw(server)
            except EOFError as closed:
                raise ConnectionError from closed
        self.assertEqual(wait_for(another, 10, "a place").register("lisboa")["n_clients"], 2)

    def test_a_member_that_stops_reading(self):
        """It delays nobody, costs bounded memory, and is let go."""
        server = self.serve("porto", "lisboa", "braga", max_queue_bytes=65536, max_messages_per_second=10000)
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(20)
        deaf.connect(("127.0.0.1", server.port))
        stuck = RawClient.__new__(RawClient)
        stuck.socket, stuck.buffer = deaf, b""
        self.addCleanup(deaf.close)
        stuck.upgrade()
        stuck.register("porto")
        lisboa, braga = self.raw(server), self.raw(server)
        lisboa.register("lisboa")
        braga.register("braga")
        before = self.resident(server)
        seen = []
        for i in range(400):
            lisboa.text({"i": i, "filling": "x" * 20000})
            while not seen or seen[-1].get("i") != i:
                seen.append(json.loads(self.answer_pings(braga)))
        if not self.sanitized(server):
            self.assertLess(self.resident(server) - before, 4 * 1024 * 1024)
        # It neither reads nor answers pings, so it is gone within 15 s; the others are told.
        while not (told := [m for m in seen if m.get("message") == "[porto] disconnected from config server"]):
            seen.append(json.loads(self.answer_pings(braga)))
        self.assertEqual(sorted(c["name"] for c in told[0]["clients"]), ["braga", "lisboa"])

    @staticmethod
    def answer_pings(client):
        """The next text."""
        while True:
            opcode, payload = client.read_frame()
            if opcode == 1:
                return payload
            if opcode == 9:
                client.send(frame(10, payload))

    def test_half_open_sockets_are_noticed(self):
        """A peer that is there for TCP, but whose program or machine is not, answers no ping."""
        server = self.serve("porto", "lisboa")
        frozen, lisboa = self.raw(server), self.raw(server)
        frozen.register("porto")
        lisboa.register("lisboa")
        pings = 0
        while True:
            opcode, payload = lisboa.read_frame()
            if opcode == 9:
                pings += 1
                lisboa.send(frame(10, payload))
            elif opcode == 1 and b"disconnected" in payload:
                break
        self.assertEqual([c["name"] for c in json.loads(payload)["clients"]], ["lisboa"])
        self.assertGreaterEqual(pings, 2)
        self.assertTrue(frozen.ended())

    def test_a_server_that_stood_still_blames_nobody(self):
        """After a pause (a virtual machine's, say) it reads what came meanwhile before it counts anyone as late."""
        server = self.serve("porto", register_timeout_s=3)
        client = self.raw(server)
        server.process.signal(signal.SIGSTOP)
        try:
            client.text({"register": "", "name": "porto", "key": key_of("porto"), "port": 1, "matriz": 1})
            select.select([client.socket], [], [], 5)
        finally:
            server.process.signal(signal.SIGCONT)
        self.assertEqual(json.loads(self.answer_pings(client))["name"], "porto")

    def test_reset_in_the_middle(self):
        server = self.serve("porto", "lisboa")
        lisboa = self.join(server, "lisboa")
        for i in range(30):
            client = RawClient(server.port)
            client.text({"register": "", "name": "porto", "key": key_of("porto"), "port": 1, "matriz": i % 2})
            if i % 3 == 0:
                client.read_frame()
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        wait_for(lambda: lisboa.names() == ["lisboa"] and self.metric(server, "matriz_server_connections") == 2, 10,
                 "all of them to be gone")
        self.assertFalse(lisboa.closed.is_set())

    def test_forged_proxy_header(self):
        server = self.serve("porto")
        client = self.raw(server, headers=["X-Forwarded-For: 203.0.113.7"])
        self.assertEqual(client.register("porto")["ip"], "127.0.0.1")

    def test_trusted_proxy_header(self):
        server = self.serve("porto", trusted_proxies=["127.0.0.1", "10.0.0.0/8"], max_connections_per_address=2)
        for header, ip in (("203.0.113.7", "203.0.113.7"), ("198.51.100.9, 203.0.113.7", "203.0.113.7"),
                           ("6.6.6.6, 203.0.113.7, 10.1.2.3", "203.0.113.7"), ("2001:db8::7", "2001:db8::7"),
                           ("nonsense", "127.0.0.1"), ("203.0.113.7, nonsense", "127.0.0.1"), ("10.1.1.1", "10.1.1.1"),
                           ("", "127.0.0.1")):
            with self.subTest(header=header):
                client = self.raw(server, headers=[f"X-Forwarded-For: {header}"])
                self.assertEqual(client.register("porto")["ip"], ip)
                client.close()
        two = self.raw(server, headers=["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.7"])
        self.assertEqual(two.register("porto")["ip"], "203.0.113.7")
        untrusted = self.raw(server, source=("127.0.0.2", 0), headers=["X-Forwarded-For: 203.0.113.8"])
        self.assertEqual(untrusted.register("porto")["ip"], "127.0.0.2")

        held = [self.raw(server, headers=["X-Forwarded-For: 192.0.2.1"]) for _ in range(2)]
        with self.assertRaisesRegex(ConnectionError, "429"):
            self.raw(server, headers=["X-Forwarded-For: 192.0.2.1"])
        self.raw(server, headers=["X-Forwarded-For: 192.0.2.2"])
        self.assertEqual(len(held), 2)

    def test_metrics_and_health(self):
        server = self.serve("porto", trusted_proxies=["127.0.0.1"])
        self.join(server, "porto")
        self.assertEqual(self.metric(server, "matriz_server_nodes"), 1)
        _, text = self.http(server, "GET", "/metrics")
        for line in text.splitlines():
            self.assertRegex(line, r"^(# (HELP|TYPE) matriz_\w+ .+|matriz_\w+ [-+0-9.e]+)$")
        far = ["X-Forwarded-For: 203.0.113.7"]
        self.assertEqual(self.http(server, "GET", "/metrics", headers=far)[0], 401)
        self.assertEqual(self.http(server, "GET", "/metrics", MONITOR_KEY, headers=far)[0], 200)
        self.assertEqual(self.http(server, "GET", "/healthz", headers=far), (200, {"status": "ok"}))


if __name__ == "__main__":
    main()
