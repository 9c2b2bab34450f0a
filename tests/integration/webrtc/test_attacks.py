# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody wants to hear what is not meant for him, to be heard as somebody else, or to spoil it for the others."""
import contextlib
import copy
import os
import pathlib
import random
import re
import socket
import ssl

import websockets

from harness import natlab, ports
from harness.case import main
from harness.middle import Middle
from harness.original_client import OriginalClient
from harness.programs import Node
from harness.rtsp import request
from harness.wait import holds_for, wait_for
from nat_case import NatCase

OTHER = ":".join(["AB"] * 32)  # nobody's fingerprint
IDENTITY = r"certificate|fingerprint|identity"


def swap_in_sdp(message, fingerprint):
    """The same message with another certificate's fingerprint in its SDP, if it has one."""
    body = copy.deepcopy(message)
    for kind in ("offer", "answer"):
        if isinstance(body.get("signal"), dict) and kind in body["signal"]:
            description = body["signal"][kind]
            description["sdp"] = re.sub(r"(?m)^(a=fingerprint:\S+ )\S+", rf"\g<1>{fingerprint}", description["sdp"])
    return body


class AttackCase(NatCase):
    names = ("anna", "bruno", "mallory", "zoe")

    def homes(self):
        return [self.lab.site(name, "port").host(name) for name in ("here", "there")]

    def middle(self, alter=None, upstream="server"):
        if upstream == "server":
            upstream = self.server.url
        middle = Middle(self.stage.block.take(), upstream, self.lab.internet, alter)
        self.stage.defer(middle.stop)
        return middle.start()

    def member(self, name="mallory", fingerprint=OTHER, **more):
        """A program of one's own that has registered as a node, in the public part of the network."""
        client = OriginalClient(self.server.url, name, f"key-of-{name}", port=9, space=self.lab.internet)
        client.register.update({"matriz": 1, "fingerprint": fingerprint, **more})
        self.stage.defer(client.stop)
        client.start()
        return client

    def meshed(self, alter=None):
        """anna and bruno, who hear one another, both by way of a middle; (middle, nodes, probe)."""
        self.serve()
        middle = self.middle(alter)
        nodes = self.pair(*self.homes(), server_url=middle.url_at(natlab.SERVER4))
        return middle, nodes, self.probe_pair(*nodes)

    @staticmethod
    def wait_pinned(node, peer):
        """Until the node remembers whom it has met."""
        path = os.path.join(node.state_folder, "known_peers.json")
        wait_for(lambda: os.path.exists(path) and f'"{peer.name}"' in pathlib.Path(path).read_text(encoding="utf-8"), 10,
                 f"{node.name} to remember {peer.name}")

    def assert_nothing_heard(self, probe, *pairs, seconds=3):
        """These pairs are silent now, and stay so for a while."""
        holds_for(lambda: not any(probe.hears(s, l) for s, l in pairs), seconds, "silence")
        for sender, listener in pairs:
            self.assertIsNone(probe.onset(sender, listener), f"{listener.name} heard something of {sender.name}")


class MiddleTest(AttackCase):
    def test_fingerprints_swapped_in_sdp(self):
        """The signalling says another certificate than the list: whatever comes of it is not heard."""
        self.serve()
        middle = self.middle(lambda way, name, message: swap_in_sdp(message, OTHER))
        anna, bruno = self.pair(*self.homes(), server_url=middle.url_at(natlab.SERVER4))
        probe = self.stage.probe(self.jack, {anna: [bruno], bruno: [anna]})
        for node, other in ((anna, bruno), (bruno, anna)):
            self.wait_reason(node, other, IDENTITY, timeout=20)
        self.assert_nothing_heard(probe, (anna, bruno), (bruno, anna))
        for node in (anna, bruno):
            node.process.wait_log(IDENTITY)

    def impostor(self, middle, victim, stolen):
        """A real node that calls itself `stolen`, with an identity of its own, for whom the middle is the server."""
        evil = Node(self.stage.folder, "evil", self.jack, ports.reserve(), middle.url_at(natlab.SERVER4),
                    host=self.lab.site("evil", "open").host("evil"), transport="webrtc")
        evil.config.update(name=stolen, key=f"key-of-{stolen}")
        self.stage.watch(evil).start()
        self.jack.wait_ports(evil.send_port())

        class Stolen:
            """The impostor under the name that the victim knows."""
            name, config = stolen, evil.config
            send_port = staticmethod(evil.send_port)
        probe = self.stage.probe(self.jack, {victim: [evil], Stolen: [victim]})
        return evil, Stolen, probe

    def intercepted(self, victim_name, stolen):
        """The man in the middle plays `stolen` to the victim, with everything right but the certificate."""
        self.serve()
        real = self.member(stolen)  # so that the list names it; its signals never arrive

        def divert(way, name, message):
            """Between the victim and the server: what is for `stolen` goes to the impostor."""
            if way == "up" and message.get("to") == stolen:
                for_evil.post(stolen, {"signal": message["signal"], "from": victim_name})
                return None
            return None if message.get("from") == stolen else message

        def serve_evil(way, name, message):
            """The impostor's server: a list with the two of them, and its signals to the victim."""
            if "register" in message:
                known = copy.deepcopy(for_victim.newest_list(victim_name))
                for client in known["clients"]:
                    if client["name"] == stolen:
                        client["fingerprint"] = message["fingerprint"]
                return {**known, "name": stolen, "ip": "203.0.113.50", "port": 8554, "stream": False, "matriz": 1,
                        "ice_servers": [], "n_clients": len(known["clients"])}
            if message.get("to") == victim_name:
                for_victim.post(victim_name, {"signal": message["signal"], "from": stolen})
            return None

        for_victim = self.middle(divert)
        for_evil = self.middle(serve_evil, upstream=None)
        victim = self.node(victim_name, self.homes()[0], server_url=for_victim.url_at(natlab.SERVER4))
        self.jack.wait_ports(victim.send_port())
        wait_for(lambda: stolen in {c["name"] for c in (for_victim.newest_list(victim_name) or {}).get("clients", [])}, 20,
                 "the list")
        evil, disguised, probe = self.impostor(for_evil, victim, stolen)
        wait_for(lambda: for_evil.signals("up", stolen, "answer" if stolen > victim_name else "offer"), 20,
                 "the impostor to take part")
        self.wait_reason(victim, stolen, IDENTITY, timeout=20)
        victim.process.wait_log(IDENTITY)
        evil.process.wait_log(IDENTITY)  # a real node is told, too, that it was not believed
        self.assert_nothing_heard(probe, (victim, evil), (disguised, victim))
        self.assertNotEqual(self.link(victim, stolen)["state"], "playing")
        real.stop()

    def test_impostor_who_answers(self):
        self.intercepted("anna", "bruno")

    def test_impostor_who_offers(self):
        self.intercepted("bruno", "anna")

    def test_pinned_against_a_cunning_server(self):
        """With trust "pinned" not even the server can put another certificate in a friend's place."""
        self.serve()
        here, there = self.homes()
        anna, bruno = self.pair(here, there, trust="pinned")
        probe = self.probe_pair(anna, bruno)
        self.wait_pinned(anna, bruno)
        probe.stop()
        bruno.stop()
        os.rename(bruno.state_folder, bruno.state_folder + "-old")
        bruno.start()  # with a new identity, which the server believes
        self.jack.wait_ports(bruno.send_port())
        probe = self.stage.probe(self.jack, {anna: [bruno], bruno: [anna]})
        self.wait_reason(anna, bruno, IDENTITY, timeout=20)
        self.assert_nothing_heard(probe, (anna, bruno), (bruno, anna))
        anna.process.wait_log(r'(?i)trust "bruno"')  # what to do if it is really he


class CunningServerTest(AttackCase):
    """Somebody sends in the clear, and the server would have him heard in bruno's place. anna pins, `transport` is
    "auto"; zoe believes the server, and shows what anna was spared."""

    def setUp(self):
        super().setUp()
        self.lie = None  # what the lists say of bruno instead, once the server lies
        self.deaf = False  # and whether it passes signals on

    def alter(self, way, _name, message):
        if not self.lie:
            return message
        if self.deaf and "signal" in message:
            return None
        for client in message.get("clients", []) if way == "down" else []:
            if client["name"] == "bruno":
                client.update(self.lie)
        return message

    def lied_to(self, deaf=False, **lie):
        """anna and bruno have met; now the lie: (anna, the probe, the false bruno, zoe)."""
        self.serve()
        url = self.middle(self.alter).url_at(natlab.SERVER4)
        hosts = [self.lab.site(name, "open").host(name) for name in ("here", "there", "elsewhere", "evil")]
        anna, bruno = self.pair(*hosts[:2], server_url=url, trust="pinned", transport="auto")
        self.probe_pair(anna, bruno).stop()
        self.wait_pinned(anna, bruno)
        evil = self.stage.watch(Node(self.stage.folder, "evil", self.jack, ports.reserve(), None, host=hosts[3], url="",
                                     transport="rtsp", allow=["0.0.0.0/0"])).start()
        self.deaf = deaf
        self.lie = {"ip": hosts[3].address4, "port": evil.rtsp_port, **lie}
        zoe = self.node("zoe", hosts[2], server_url=url, transport="auto")  # the list is pushed as she comes
        for node in (evil, zoe):
            self.jack.wait_ports(node.send_port())

        class False_:
            """Under the name by which he is to be heard."""
            name, config, host = "bruno", evil.config, evil.host
            send_port = staticmethod(evil.send_port)
        return anna, self.stage.probe(self.jack, {False_: [anna, zoe]}), False_, zoe

    def test_friend_said_to_be_in_the_clear(self):
        """The right fingerprint, and that he takes plain RTSP only."""
        anna, probe, false, zoe = self.lied_to(transport="rtsp")
        self.wait_reason(anna, "bruno", "in the clear", timeout=20)
        probe.wait_heard((false, zoe))
        self.assert_nothing_heard(probe, (false, anna))
        self.assertEqual(self.link(anna, "bruno")["state"], "refused")
        anna.process.wait_log(r'bruno is refused: .*matrizctl trust "bruno"')

    def test_friend_whose_signals_are_lost(self):
        """All the list says could be true but the address; and no signal gets through, so that WebRTC fails."""
        anna, probe, false, zoe = self.lied_to(deaf=True)
        wait_for(lambda: "anybody could be it" in (self.link(anna, "bruno").get("why") or ""), 40, "anna to see it")
        self.assertEqual(self.link(anna, "bruno")["transport"], "webrtc")
        probe.wait_heard((false, zoe), timeout=40)
        self.assert_nothing_heard(probe, (false, anna))
        # Nor does the address that the server gave to a friend take the plain stream of who wants proof.
        ask = [false.host.call(request, node.host.address4, node.rtsp_port)[0] for node in (anna, zoe)]
        self.assertEqual(ask, [403, 200])


class ReplayTest(AttackCase):
    def test_replayed_signals(self):
        """All that bruno ever said to anna, said again while they play, and the other way round."""
        middle, (anna, bruno), probe = self.meshed()

        def replay():
            for name, other in (("anna", "bruno"), ("bruno", "anna")):
                bodies = middle.signals("down", name)
                self.assertTrue(bodies)
                for body in bodies:
                    middle.to_node(name, {"signal": body, "from": other})
            self.wait_judged(probe, (anna, bruno), 2)

        offers = len(middle.signals("up", "anna", "offer"))
        self.assert_undisturbed(probe, [(anna, bruno), (bruno, anna)], replay)
        self.assertEqual(len(middle.signals("up", "anna", "offer")), offers, "a replayed call was answered")

    def test_replayed_after_leaving(self):
        """bruno is gone: what he said is worth nothing."""
        middle, (anna, bruno), _ = self.meshed()
        bodies = middle.signals("down", "anna")
        self.assertEqual(bruno.leave(), 0)
        wait_for(lambda: "bruno" not in anna.peers(), 20, "anna to know that bruno left")
        said = len(middle.signals("up", "anna"))
        for body in bodies:
            middle.to_node("anna", {"signal": body, "from": "bruno"})
        holds_for(lambda: len(middle.signals("up", "anna")) == said and "bruno" not in anna.peers(), 2, "no answer")


class StrangerTest(AttackCase):
    def test_unlisted_peer_with_a_valid_offer(self):
        """A call and an offer that are right in all but one: their sender is not in the list."""
        middle, (anna, bruno), probe = self.meshed()
        offer = middle.signals("up", "anna", "offer")[-1]["offer"]

        def intrude():
            said = len(middle.signals("up", "anna")), len(middle.signals("up", "bruno"))
            middle.to_node("anna", {"signal": {"webrtc": 1, "session": "0123456789abcdef-1", "call": {}}, "from": "zoe"})
            middle.to_node("bruno", {"signal": {"webrtc": 1, "session": "0123456789abcdef-1", "offer": offer}, "from": "aaron"})
            self.wait_judged(probe, (anna, bruno), 2)
            self.assertEqual((len(middle.signals("up", "anna")), len(middle.signals("up", "bruno"))), said)

        self.assert_undisturbed(probe, [(anna, bruno), (bruno, anna)], intrude)
        self.assertEqual((sorted(anna.peers()), sorted(bruno.peers())), (["bruno"], ["anna"]))
        anna.process.wait_log("zoe")
        bruno.process.wait_log("aaron")

    def test_another_members_name(self):
        """Neither does a key get another's name, nor a signal another's sender."""
        middle, (anna, bruno), probe = self.meshed()

        def pretend():
            thief = OriginalClient(self.server.url, "bruno", "key-of-mallory", port=9, space=self.lab.internet)
            thief.register.update({"matriz": 1, "fingerprint": OTHER})
            self.stage.defer(thief.stop)
            thief.start()
            self.assertEqual(thief.wait_message(lambda m: "error" in m, "a refusal")["error"], "name")
            mallory = self.member()
            mallory.wait_message(lambda m: "n_clients" in m, "the answer to register")
            seen = len(middle.seen)
            mallory.send({"signal": {"webrtc": 1, "session": "0123456789abcdef-99", "call": {}}, "to": "anna", "from": "bruno"})
            came = wait_for(lambda: next((m for w, n, m in middle.seen[seen:] if w == "down" and n == "anna"
                                          and "0123456789abcdef-99" in str(m)), None), 10, "the signal at anna's")
            self.assertEqual(came["from"], "mallory")
            self.wait_judged(probe, (anna, bruno), 2)
            mallory.stop()
            wait_for(lambda: "mallory" not in anna.peers(), 20, "mallory to be gone")

        self.assert_undisturbed(probe, [(anna, bruno), (bruno, anna)], pretend)

    def test_at_the_rtsp_port(self):
        """Who finds it gets nothing, whether it speaks TLS or not."""
        self.serve()
        hosts = [self.lab.site(name, "open").host(name) for name in ("here", "there", "outside")]
        for number, security in enumerate(("plain", "tls")):
            node = self.node(self.names[number], hosts[number], transport="auto", rtsp_security=security)
            self.jack.wait_ports(node.send_port())
            place = (hosts[number].address4, node.rtsp_port)
            if security == "plain":
                wait_for(lambda p=place: hosts[2].call(request, *p)[0] == 403, 20, "strangers to be refused")
                node.process.wait_log(hosts[2].address4.replace(".", r"\."))
            else:
                wait_for(lambda p=place: hosts[2].call(self.tls_says, *p), 20, "TLS at the RTSP port")
                self.assertNotRegex(hosts[2].call(self.tls_says, *place), "200 OK")
                self.assertNotEqual(hosts[2].call(self.plain_says, *place), 200)

    @staticmethod
    def plain_says(host, port):
        try:
            return request(host, port)[0]
        except (OSError, ValueError, IndexError):
            return 0

    @staticmethod
    def tls_says(host, port):
        """What a client without a certificate gets to read, or how it fails."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((host, port), timeout=5) as link:
            try:
                with context.wrap_socket(link) as tls:
                    tls.sendall(f"DESCRIBE rtsp://{host}:{port}/stream RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
                    return tls.recv(4096).decode(errors="replace") or "closed"
            except (ssl.SSLError, ConnectionError) as error:
                return str(error) or "refused"


class FloodTest(AttackCase):
    watchdog_seconds = 240

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
            with contextlib.suppress(websockets.ConnectionClosed):
                for session in self.sessions(2000):
                    mallory.send({"signal": {"webrtc": 1, "session": session, "call": {}}, "to": "anna"})
            self.assertTrue(mallory.closed.wait(10))
            self.wait_judged(probe, (anna, bruno), 2)

        for action, attempts in ((junk, 3), (flood, 3), (by_the_server, 1)):
            with self.subTest(action.__name__):
                self.assert_undisturbed(probe, [(anna, bruno), (bruno, anna)], action, attempts)
        wait_for(lambda: "mallory" not in anna.peers(), 20, "mallory to be gone")
        wait_for(lambda: anna.process.threads() <= threads, 30, "what was begun with mallory to be gone")

    @staticmethod
    def udp_ports(node):
        """Of all UDP sockets that the node has."""
        inodes = {int(t[8:-1]) for t in node.process.descriptor_targets() if t.startswith("socket:[")}
        found = set()
        with open(f"/proc/{node.process.pid}/net/udp", encoding="ascii") as table:
            for line in table.readlines()[1:]:
                fields = line.split()
                if int(fields[9]) in inodes:
                    found.add(int(fields[1].split(":")[1], 16))
        return sorted(found)

    def test_junk_at_the_media_ports(self):
        """Nothing in front of anna keeps strangers from her ports: they send what looks like STUN, DTLS, RTP, and what
        does not, from where nobody knows them."""
        self.serve()
        here, there, outside = (self.lab.site(n, "open").host(n) for n in ("here", "there", "outside"))
        anna, bruno = self.pair(here, there)
        probe = self.probe_pair(anna, bruno)
        targets = self.udp_ports(anna)
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
