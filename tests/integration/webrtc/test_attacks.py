# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody wants to hear what is not meant for him, or to be heard as somebody else."""
import copy
import os
import socket
import ssl
import threading

from attack_case import AttackCase, OTHER, swap_in_sdp
from harness import natlab, ports
from harness.case import main
from harness.original_client import OriginalClient
from harness.programs import Node
from harness.rtsp import request
from harness.wait import holds_for, wait_for
from rude import Rude

IDENTITY = r"certificate|fingerprint|identity"
# What a node says in its log, which speaks of its own certificate, too.
MISTRUST = r"(it says that its certificate is [^\n]*, but \S+ is expected|its certificate is not the one expected)"
REFUSED = rf"it refuses us, and says: [^\n]*{MISTRUST}"


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
            node.process.wait_log(MISTRUST)

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
        victim.process.wait_log(MISTRUST)
        evil.process.wait_log(REFUSED)  # a real node is told, too, that it was not believed
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
        if deaf:  # or she would keep the connection that she has, whatever address the list tells
            self.assertEqual(anna.stop(), 0)
            anna.start()
        for node in (evil, zoe, anna):
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
        self.settle(middle, "anna")
        said = len(middle.signals("up", "anna"))
        for body in bodies:
            middle.to_node("anna", {"signal": body, "from": "bruno"})
        holds_for(lambda: len(middle.signals("up", "anna")) == said and "bruno" not in anna.peers(), 2, "no answer")


class ThrownOutTest(AttackCase):
    names = AttackCase.names + ("aaron",)

    def test_thrown_out_while_connected(self):
        """The list is pushed without aaron, who does not go: from then on not one packet comes to him."""
        out = threading.Event()

        def without(way, _name, message):
            for who in ("clients", "listeners"):
                if out.is_set() and way == "down" and who in message:
                    message[who] = [entry for entry in message[who] if entry["name"] != "aaron"]
            return message
        middle, (anna, bruno), probe = self.meshed(without)
        aaron = Rude(self, self.lab.site("outside", "open").host("outside"), middle, anna, "listen")
        wait_for(aaron.connections, 30, "aaron to be connected")
        before = aaron.datagrams()
        wait_for(lambda: aaron.datagrams() > before + 1000, 20, "anna's sound to come to him")
        out.set()
        middle.to_node("anna", without("down", "anna", copy.deepcopy(middle.newest_list("anna"))))
        wait_for(lambda: "aaron" not in anna.peers(), 20, "anna to know that he is out")
        seen = []
        wait_for(lambda: seen.append(aaron.datagrams()) or seen[-5:] == seen[-1:] * 5, 10, "what was on its way to be there", 0.1)
        holds_for(lambda: aaron.datagrams() == seen[-1], 3, "no packet more")
        self.assertTrue(aaron.process.running())
        probe.wait_heard((bruno, anna), (anna, bruno))


class StrangerTest(AttackCase):
    def test_unlisted_peer_with_a_valid_offer(self):
        """A call and an offer that are right in all but one: their sender is not in the list."""
        middle, (anna, bruno), probe = self.meshed()
        offer = middle.signals("up", "anna", "offer")[-1]["offer"]

        def intrude():
            self.settle(middle, "anna", "bruno")
            said = len(middle.signals("up", "anna")), len(middle.signals("up", "bruno"))
            middle.to_node("anna", {"signal": {"webrtc": 1, "session": "0123456789abcdef-1", "call": {}}, "from": "zoe"})
            middle.to_node("bruno", {"signal": {"webrtc": 1, "session": "0123456789abcdef-1", "offer": offer}, "from": "aaron"})
            self.wait_judged(probe, (anna, bruno), 2)
            self.assertEqual((len(middle.signals("up", "anna")), len(middle.signals("up", "bruno"))), said)

        self.assert_undisturbed(probe, [(anna, bruno), (bruno, anna)], intrude)
        self.assertEqual((sorted(anna.peers()), sorted(bruno.peers())), (["bruno"], ["anna"]))
        for node, stranger in ((anna, "zoe"), (bruno, "aaron")):
            node.process.wait_log(f"{stranger} is not in the client list; what it sent through the server is ignored")

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
                node.process.wait_log("refused " + hosts[2].address4.replace(".", r"\."))
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
        with socket.create_connection((host, port), timeout=15) as link:
            try:
                with context.wrap_socket(link) as tls:
                    tls.sendall(f"DESCRIBE rtsp://{host}:{port}/stream RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
                    return tls.recv(4096).decode(errors="replace") or "closed"
            except (ssl.SSLError, ConnectionError) as error:
                return str(error) or "refused"


if __name__ == "__main__":
    main()
