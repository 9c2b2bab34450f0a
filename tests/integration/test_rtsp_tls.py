# SPDX-License-Identifier: GPL-3.0-or-later
"""`rtsp_security` tls: rtsps:// with certificates on both sides and SRTP inside; who is let in, and what strangers see."""
import json
import os
import socket
import ssl
import struct
import unittest

from harness import rtsp, space
from harness.case import main
from harness.certificates import Authority
from harness.original_client import OriginalClient
from harness.wait import PATIENCE, holds_for, wait_for
from mesh_case import NAMES, MeshCase

TLS = {"rtsp_security": "tls", "transport": "rtsp"}
PLAIN = {"transport": "rtsp"}


class Wire:
    """All UDP datagrams of loopback, as somebody on the path sees them."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
        self.socket.bind(("lo", 0x0003))
        self.socket.settimeout(10)

    def rtp(self, node, count):
        """The payloads of `count` RTP packets that `node` sends."""
        first, last = (int(port) for port in node.config["udp_ports"].split("-"))
        payloads = []
        while len(payloads) < count:
            packet = self.socket.recv(65536)
            if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_UDP:
                continue
            udp = packet[(packet[0] & 15) * 4:]
            source = struct.unpack(">H", udp[:2])[0]
            # Version 2 and nothing else in the first byte: what opens a firewall's way for us is random, and no RTP.
            if first <= source <= last and source % 2 == 0 and len(udp) > 20 and udp[8] == 0x80:
                payloads.append(udp[8 + 12:])
        return payloads


class EncryptedTest(MeshCase):
    def mesh(self, **options):
        """Two nodes, options by name; returns (jack, server, nodes, probe)."""
        jack = self.stage.jack()
        server = self.make_server(list(options)).start()
        nodes = [self.stage.node(name, jack, server.url, **config).start() for name, config in options.items()]
        for node in nodes:
            jack.wait_ports(node.send_port())
        return jack, server, nodes, self.probe_all(jack, nodes)

    def via(self, node, peer):
        told = node.peers()[peer]
        return told["transport"], told["encrypted"]

    def test_two_nodes_hear_each_other_encrypted(self):
        _, _, (porto, lisboa), probe = self.mesh(porto=TLS, lisboa=TLS)
        self.assertEqual(self.via(porto, "lisboa"), ("rtsps/udp", True))
        self.assertEqual(self.via(lisboa, "porto"), ("rtsps/udp", True))
        for sender, listener in probe.pairs:
            probe.wait_latency(sender, listener, lambda ms: ms < 40)
        # What must not break: everybody comes back by themselves, with the same certificates.
        lisboa.leave()
        probe.wait_silent(lisboa, porto)
        lisboa.start()
        probe.wait_heard(timeout=30)

    def test_whoever_comes_once_the_sequence_numbers_have_gone_round(self):
        """RFC 3711, 3.3.1: how often they have is part of what is encrypted with."""
        jack = self.stage.jack(period=16)  # three thousand packets a second
        server = self.make_server().start()
        porto, lisboa, montemor = (self.stage.node(name, jack, server.url, codec="pcm16", **TLS) for name in NAMES)
        for node in (porto, lisboa):
            node.start()
            jack.wait_ports(node.send_port())
        probe = self.stage.probe(jack, {porto: [lisboa, montemor], lisboa: [porto, montemor]})
        probe.wait_heard((porto, lisboa), (lisboa, porto), timeout=40)
        for listener, sender in (lisboa, "porto"), (porto, "lisboa"):
            wait_for(lambda: listener.peers()[sender]["received"] > 0x10000, 120,  # pylint: disable=cell-var-from-loop
                     f"{sender}'s numbers to go round")
        montemor.start()
        probe.wait_heard(timeout=40)

    def test_a_node_in_the_clear_hears_one_that_is_not(self):
        _, _, (porto, lisboa), _ = self.mesh(porto=TLS, lisboa=PLAIN)
        self.assertEqual(self.via(lisboa, "porto"), ("rtsps/udp", True))
        self.assertEqual(self.via(porto, "lisboa"), ("rtsp/udp", False))

    def test_on_the_wire_there_is_no_sound(self):
        """Silence in PCM: zeros for whoever can read it."""
        jack = self.stage.jack()
        server = self.make_server(("porto", "lisboa")).start()
        silence = {"codec": "pcm16", "redundancy": 0}
        porto = self.stage.node("porto", jack, server.url, **silence, **TLS).start()
        lisboa = self.stage.node("lisboa", jack, server.url, **silence, **PLAIN).start()
        for here, there in (porto, "lisboa"), (lisboa, "porto"):
            wait_for(lambda: here.peers()[there]["state"] == "playing", 30,  # pylint: disable=cell-var-from-loop
                     f"{here.name} to play {there}")
        try:
            wire = Wire()
        except PermissionError:
            self.skipTest("may not look at the wire")
        for payload in wire.rtp(lisboa, 20):
            self.assertFalse(any(payload), "this is how it looks in the clear")
        for payload in wire.rtp(porto, 20):
            self.assertGreater(len(set(payload)), len(payload) / 4, "zeros, encrypted, are no zeros")

    def test_strangers_get_nothing(self):
        _, server, (porto, lisboa), probe = self.mesh(porto=TLS, lisboa=TLS)
        status, answer = rtsp.request("127.0.0.1", porto.rtsp_port)
        self.assertEqual(status, 403)
        self.assertIn("encrypted: come by rtsps://", answer.splitlines()[0])
        self.assertNotIn("v=0", answer)
        stranger = Authority(self.stage.folder, "stranger").issue("stranger")
        for certificate in None, stranger:
            with self.subTest(certificate=certificate):
                self.assertEqual(self.knock(porto, certificate), b"")
        porto.process.wait_log("refused 127.0.0.1 .*TLS")
        # One who has lisboa's certificate, which everybody sees, but not its key.
        pem = os.path.join(lisboa.state_folder, "identity.pem")
        self.assertIn(b"RTSP/1.0 200", self.knock(porto, (pem, pem)), "with the key it works: the test can tell")
        # Who is no longer in the list is sent away, whatever it has.
        lisboa.leave()
        self.wait_names(server, "porto")
        wait_for(lambda: self.knock(porto, (pem, pem)) == b"", 10, "the door to be shut")
        lisboa.start()
        probe.wait_heard(timeout=30)

    def knock(self, node, certificate):
        """What a TLS client with these files (certificate, key) gets for a DESCRIBE."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(*certificate)
        answer = b""
        try:
            with socket.create_connection(("127.0.0.1", node.rtsp_port), timeout=10) as plain, \
                    context.wrap_socket(plain) as link:
                link.sendall(f"DESCRIBE rtsps://127.0.0.1:{node.rtsp_port}/stream RTSP/1.0\r\nCSeq: 1\r\n"
                             "Accept: application/sdp\r\n\r\n".encode())
                while b"\r\n\r\n" not in answer and (more := link.recv(4096)):
                    answer += more
        except (ssl.SSLError, ConnectionError):
            pass
        return answer

    def test_many_who_come_and_go_leave_nothing_behind(self):
        _, _, (porto, lisboa), _ = self.mesh(porto=TLS, lisboa=TLS)
        pem = os.path.join(lisboa.state_folder, "identity.pem")

        def knock_often(times):
            for number in range(times):
                listed = number % 2 == 0
                self.assertEqual(self.knock(porto, (pem, pem) if listed else None) != b"", listed)

        knock_often(50)
        threads, descriptors = porto.process.threads(), len(porto.process.descriptor_targets())
        knock_often(200)
        wait_for(lambda: porto.process.threads() <= threads + 2 and
                 len(porto.process.descriptor_targets()) <= descriptors + 4, 30, "what they needed to be gone")

    def test_somebody_else_at_a_peers_address_is_not_heard(self):
        """The list says that faro, whom nobody has met, is where lisboa answers."""
        jack = self.stage.jack()
        server = self.make_server(("porto", "lisboa", "faro")).start()
        porto = self.stage.node("porto", jack, server.url, **TLS).start()
        lisboa = self.stage.node("lisboa", jack, server.url, **TLS).start()
        wait_for(lambda: porto.peers()["lisboa"]["state"] == "playing", 30, "porto to play lisboa")
        faro = OriginalClient(server.url, "faro", "key-of-faro", port=lisboa.rtsp_port)
        faro.register.update({"matriz": 1, "fingerprint": "AB" * 32, "rtsp": "tls", "transport": "rtsp"})
        self.stage.defer(faro.stop)
        faro.start()
        porto.process.wait_log("receiver faro.*somebody else answers, with the certificate .* instead of AB:AB.*refused")
        wait_for(lambda: "another certificate" in (porto.peers()["faro"]["reason"] or ""), 10, "the reason in status")
        holds_for(lambda: porto.peers()["faro"]["state"] != "playing", 2, "silence from the wrong one")
        self.assertEqual(porto.peers()["lisboa"]["state"], "playing")

    def test_whoever_is_refused_knows_why(self):
        jack = self.stage.jack()
        server = self.make_server(("porto", "lisboa")).start()
        porto = self.stage.node("porto", jack, server.url, trust="pinned", **TLS)
        os.makedirs(porto.state_folder, exist_ok=True)
        with open(os.path.join(porto.state_folder, "known_peers.json"), "w", encoding="utf-8") as out:
            json.dump({"known_peers": {"lisboa": ":".join(["AB"] * 32)}}, out)
        porto.start()
        lisboa = self.stage.node("lisboa", jack, server.url, **TLS).start()
        direct = self.stage.node("outsider", jack, None, url="", receive_from_ip="127.0.0.1",
                                 receive_from_port=porto.rtsp_port, **PLAIN).start()
        for node, peer, words in ((lisboa, "porto", "does not accept this node's certificate"),
                                  (direct, "direct", "encrypted only")):
            wait_for(lambda: words in (node.peers().get(peer, {}).get("reason") or ""),  # pylint: disable=cell-var-from-loop
                     20, f"{node.name} to know why")
        porto.process.wait_log("refused 127.0.0.1 .*(without TLS|certificate is nobody's)")

    def test_idle_and_talkative_strangers_cost_nobody_anything(self):
        _, _, (porto, lisboa), probe = self.mesh(porto=TLS, lisboa=TLS)
        links = [socket.create_connection(("127.0.0.1", porto.rtsp_port)) for _ in range(40)]
        for number, link in enumerate(links):
            if number % 4 == 1:
                link.sendall(b"\x16\x03\x01\x02\x00" + bytes(512))  # begins like a handshake
            elif number % 4 == 2:
                link.sendall(os.urandom(4096))
            elif number % 4 == 3:
                link.sendall(b"\x16")
        lisboa.leave()
        lisboa.start()
        probe.wait_heard(timeout=30)
        for link in links:
            link.close()


@unittest.skipIf(space.why_not(), space.why_not())
class NoUdpTest(MeshCase):
    """A network that lets no UDP through: the way that is left must be as good a secret."""

    @staticmethod
    def block(here):
        here.run("nft", "-f", "-", text="table inet filter {\n chain out {\n  type filter hook output priority 0\n"
                                        "  meta l4proto udp drop\n }\n}\n")

    def pair(self, block=True, **config):
        here = space.Space("no-udp")
        self.stage.defer(here.close)
        # WebRTC finds no address where there is nothing but loopback.
        for line in ("link add eth0 type veth peer name eth1", "addr add 10.9.9.1/24 dev eth0", "link set eth0 up", "link set eth1 up"):
            here.ip(line)
        if block:
            self.block(here)
        jack = self.stage.jack()
        server = self.make_server(("porto", "lisboa"), host=here).start()
        nodes = [self.stage.node(name, jack, server.url, host=here, **config).start() for name in ("porto", "lisboa")]
        for node in nodes:
            jack.wait_ports(node.send_port())
        return nodes, self.stage.probe(jack, {nodes[0]: [nodes[1]], nodes[1]: [nodes[0]]})

    def test_rtsp_turns_to_tcp_and_shows_its_certificates_again(self):
        (porto, lisboa), probe = self.pair(**TLS)
        probe.wait_heard(timeout=40)
        for node, peer in (porto, "lisboa"), (lisboa, "porto"):
            told = node.peers()[peer]
            self.assertEqual((told["transport"], told["encrypted"]), ("rtsps/tcp", True))

    def test_what_takes_over_from_webrtc_is_encrypted(self):
        (porto, lisboa), probe = self.pair(rtsp_security="tls", transport="auto")
        probe.wait_heard(timeout=90)
        for node, peer in (porto, "lisboa"), (lisboa, "porto"):
            told = node.peers()[peer]
            self.assertEqual((told["transport"], told["encrypted"]), ("rtsps/tcp", True))
            self.assertIn("WebRTC failed", told["why"])

    def test_udp_that_works_after_all_is_used(self):
        """RTSP goes on until WebRTC is heard."""
        (porto, lisboa), probe = self.pair(rtsp_security="tls", transport="auto")
        probe.wait_heard(timeout=90)
        mark = probe.mark()
        porto.host.run("nft", "flush", "ruleset")
        for node, peer in (porto, "lisboa"), (lisboa, "porto"):
            wait_for(lambda: node.peers()[peer]["transport"] == "webrtc", 90,  # pylint: disable=cell-var-from-loop
                     f"{node.name} to be on WebRTC")
            self.assertTrue(node.peers()[peer]["encrypted"])
        probe.wait_heard()
        for sender, listener in probe.pairs:
            self.assertLess(probe.judge(sender, listener, mark)[1], 400 * PATIENCE, "a hole that a lost stream explains, ms")

    def test_who_was_encrypted_before_is_not_heard_in_the_clear(self):
        """Nor when both have been away meanwhile: whoever cuts lines and blocks UDP has nothing from it."""
        (porto, lisboa), probe = self.pair(block=False, transport="auto")
        probe.wait_heard(timeout=40)
        pairs = (porto, "lisboa"), (lisboa, "porto")
        for node, peer in pairs:
            self.assertEqual(node.peers()[peer]["transport"], "webrtc")
        kept = [os.path.join(node.state_folder, "secured_peers.json") for node in (porto, lisboa)]
        wait_for(lambda: all(os.path.exists(path) for path in kept), 10, "both to remember it")
        self.restart(porto, lisboa, lambda: self.block(porto.host))
        for node, peer in pairs:
            wait_for(lambda: "encrypted before" in (node.peers().get(peer, {}).get("why") or ""),  # pylint: disable=cell-var-from-loop
                     60, f"{node.name} to be without {peer}")
            self.assertEqual(node.peers()[peer]["transport"], "webrtc")
        holds_for(lambda: not probe.hears(porto, lisboa) and not probe.hears(lisboa, porto), 3, "silence")
        # Without that memory they would have been heard.
        self.restart(porto, lisboa, lambda: [os.remove(path) for path in kept])
        probe.wait_heard(timeout=90)
        for node, peer in pairs:
            told = node.peers()[peer]
            self.assertEqual((told["transport"], told["encrypted"]), ("rtsp/tcp", False))

    @staticmethod
    def restart(first, second, meanwhile):
        for node in (first, second):
            node.leave()
        meanwhile()
        for node in (first, second):
            node.start()


if __name__ == "__main__":
    main()
