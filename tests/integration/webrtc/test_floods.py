# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody wants to spoil it for the others: garbage, floods, connections without end."""
import contextlib
import random
import re
import socket

import websockets

from attack_case import AttackCase
from harness.case import main
from harness.wait import wait_for
from rude import Rude


class FloodTest(AttackCase):
    watchdog_seconds = 480
    names = AttackCase.names + ("aaron",)

    def sessions(self, count):
        return [f"{random.getrandbits(64):016x}-{n}" for n in range(1, count + 1)]

    def garbage(self, sdp):
        """Bodies that are wrong, each in another way."""
        lines = sdp.split("\r\n")
        broken = ["", "v=0", "\x00" * 100, sdp[:len(sdp) // 2], sdp.replace("m=audio", "m=video"), sdp * 8,
                  "v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\n" * 400, sdp + "a=candidate:" + "9" * 9000 + "\r\n",
                  sdp.replace("a=fingerprint:sha-256", "a=fingerprint:md5"), sdp.replace("/48000", "/4294967296"),
                  re.sub("a=ice-ufrag:.*", "a=ice-ufrag:" + "x" * 8000, sdp), "\r\n".join(random.sample(lines, len(lines))),
                  re.sub("a=mid:.*", "a=mid:0", sdp), re.sub("OPUS|opus", "L16", sdp), sdp.replace("IN IP4", "IN IP9")]
        shapes = [None, 7, [], "webrtc", {"webrtc": 2}, {"webrtc": 1}, {"webrtc": 1, "session": 5}, {"webrtc": 1, "session": "x" * 900},
                  {"webrtc": 1, "session": "0123456789abcdef-1", "call": 3}, {"webrtc": 1, "session": "0123456789abcdef-1", "bye": {}},
                  {"webrtc": 1, "session": "0123456789abcdef-99999999999999", "call": {}},
                  {"webrtc": 1, "session": "0123456789abcdef-2", "call": {"ask": "&" * 4000}},
                  {"webrtc": 1, "session": "0123456789abcdef-3", "candidate": {"mline": -1, "candidate": "candidate:" + "1 " * 200}}]
        for session in self.sessions(len(broken)):
            text = broken.pop()
            for kind in ("offer", "answer"):
                shapes.append({"webrtc": 1, "session": session, "call": {}})
                shapes.append({"webrtc": 1, "session": session, kind: {"sdp": text}})
        return shapes

    def test_garbage_and_floods_from_a_member(self):
        """A member's junk is its own trouble."""
        middle, (anna, bruno), probe = self.meshed()
        sdp = middle.signals("up", "anna", "offer")[-1]["offer"]["sdp"]
        mallory = self.member()
        mallory.wait_message(lambda m: "n_clients" in m, "the answer to register")
        threads = anna.process.threads()

        def junk():
            """By way of a server that lets everything through, as fast as it goes."""
            for body in self.garbage(sdp):
                for name in ("anna", "bruno"):
                    middle.to_node(name, {"signal": body, "from": "mallory"})
            self.wait_judged(probe, (anna, bruno), 2)

        def flood():
            for session in self.sessions(500):
                for what in ({"call": {}}, {"candidate": {"mline": 0, "candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host"}}):
                    middle.to_node("anna", {"signal": {"webrtc": 1, "session": session, **what}, "from": "mallory"})
            self.wait_judged(probe, (anna, bruno), 2)

        def by_the_server():
            """Ours does not let so much through."""
            mallory.stop()
            flooder = self.member()
            flooder.wait_message(lambda m: "n_clients" in m, "the answer to register")
            with contextlib.suppress(websockets.ConnectionClosed):
                for session in self.sessions(2000):
                    flooder.send({"signal": {"webrtc": 1, "session": session, "call": {}}, "to": "anna"})
            self.assertTrue(flooder.closed.wait(10))
            self.wait_judged(probe, (anna, bruno), 2)

        for action in (junk, flood, by_the_server):
            with self.subTest(action.__name__):
                self.assert_undisturbed(probe, [(anna, bruno), (bruno, anna)], action)
        wait_for(lambda: "mallory" not in anna.peers(), 20, "mallory to be gone")
        wait_for(lambda: anna.process.threads() <= threads, 60, "what was begun with mallory to be gone")

    def check_rude(self, mode, *signs):
        """A connected peer does its worst, while anna and bruno play; `signs` of it must stand in anna's log."""
        middle, (anna, bruno), probe = self.meshed()
        threads = anna.process.threads()
        outside = self.lab.site("outside", "open").host("outside")
        rude = Rude(self, outside, middle, anna, mode)
        wait_for(rude.connections, 30, "the attacker to be connected")
        self.assert_undisturbed(probe, [(anna, bruno), (bruno, anna)], lambda: self.wait_judged(probe, (anna, bruno), 5))
        for sign in signs:
            anna.process.wait_log(sign, 20)
        if mode == "renegotiate":
            wait_for(lambda: rude.connections() >= 3, 30, "the attacker to be connected again and again")
        rude.stop()
        wait_for(lambda: "aaron" not in anna.peers(), 20, "the attacker to be gone")
        wait_for(lambda: anna.process.threads() <= threads, 30,
                 "what was begun with the attacker to be gone")

    def test_sound_without_end(self):
        """Good SRTP, many times what the stream needs."""
        self.check_rude("sound", "more than [0-9]+ packets a second")

    def test_junk_in_the_connection(self):
        """What looks like DTLS and SRTP and is neither, on the way that ICE has checked."""
        self.check_rude("dtls", "more than [0-9]+ packets a second")

    def test_channels_without_end(self):
        self.check_rude("channels", "more data channels than one")

    def test_messages_without_end(self):
        self.check_rude("messages")

    def test_connections_without_end(self):
        """Each is right; as soon as it is there, it asks for the next."""
        self.check_rude("renegotiate")

    def test_junk_at_the_media_ports(self):
        """Nothing in front of anna keeps strangers from her ports: they send what looks like STUN, DTLS, RTP, and what
        does not, from where nobody knows them."""
        self.serve()
        here, there, outside = (self.lab.site(n, "open").host(n) for n in ("here", "there", "outside"))
        anna, bruno = self.pair(here, there)
        probe = self.probe_pair(anna, bruno)
        targets = anna.udp_ports()
        self.assertTrue(targets)
        print(f"# {len(targets)} UDP ports", flush=True)
        heads = (b"\x00\x01\x00\x08\x21\x12\xa4\x42", b"\x16\xfe\xfd", b"\x17\xfe\xfd", b"\x80\x60", b"\x80\xc8", b"\xff", b"")

        def pelt():
            with outside.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for number in range(4000):
                    packet = heads[number % len(heads)] + random.randbytes(random.randrange(1100))
                    sock.sendto(packet, (here.address4, targets[number % len(targets)]))
            self.wait_judged(probe, (bruno, anna), 2)

        self.assert_undisturbed(probe, [(anna, bruno), (bruno, anna)], pelt)


if __name__ == "__main__":
    main()
