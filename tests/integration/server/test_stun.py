# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's own STUN: what a node behind a router learns of itself, and what a stranger can do with it."""
import ipaddress
import os
import socket

from harness.case import main
from server_case import SOCKET_TIMEOUT, ServerCase

COOKIE = bytes.fromhex("2112a442")


def binding_request(transaction):
    return bytes([0, 1, 0, 0]) + COOKIE + transaction


class StunTest(ServerCase):
    def serve_stun(self, stun="127.0.0.1:0"):
        server = self.serve("porto", stun=stun)
        return server, int(server.process.wait_log(r"answering STUN on UDP \S*:(\d+)")[1])

    def ask(self, link, port):
        transaction = os.urandom(12)
        link.sendto(binding_request(transaction), (link.getsockname()[0], port))
        answer = link.recv(2048)
        self.assertEqual(answer[:2], bytes([1, 1]))
        self.assertEqual(answer[8:20], transaction)
        key = COOKIE + transaction
        mapped_port = int.from_bytes(answer[26:28], "big") ^ int.from_bytes(COOKIE[:2], "big")
        address = bytes(a ^ b for a, b in zip(answer[28:], key))
        return str(ipaddress.ip_address(address)), mapped_port

    def test_it_says_where_a_request_came_from(self):
        _, port = self.serve_stun()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(SOCKET_TIMEOUT)
            link.bind(("127.0.0.1", 0))
            self.assertEqual(self.ask(link, port), link.getsockname())

    def test_both_families_on_one_socket(self):
        _, port = self.serve_stun("[::]:0")
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family, socket.SOCK_DGRAM) as link:
                link.settimeout(SOCKET_TIMEOUT)
                link.bind((host, 0))
                self.assertEqual(self.ask(link, port), link.getsockname()[:2])

    def test_nodes_are_told_and_original_clients_are_not(self):
        server, port = self.serve_stun()
        self.assertEqual(self.join(server, "porto").messages[0]["stun_port"], port)
        self.assertNotIn("stun_port", self.client(server, "porto").messages[0])
        off = self.serve("porto", stun="off")
        self.assertNotIn("stun_port", self.join(off, "porto").messages[0])

    def test_noise_gets_no_answer_and_harms_nobody(self):
        _, port = self.serve_stun()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(SOCKET_TIMEOUT)
            link.bind(("127.0.0.1", 0))
            for noise in (b"", b"\0", os.urandom(20), os.urandom(1400), binding_request(os.urandom(12))[:-1]):
                link.sendto(noise, ("127.0.0.1", port))
            self.assertEqual(self.ask(link, port), link.getsockname(), "the first answer is to the first request")

    def test_a_taken_port_is_said_and_the_server_serves(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            server = self.serve("porto", stun=f"127.0.0.1:{taken.getsockname()[1]}")
            server.process.wait_log("no STUN at UDP .*in use.*ice_servers")
            self.assertNotIn("stun_port", self.join(server, "porto").messages[0])


if __name__ == "__main__":
    main()
