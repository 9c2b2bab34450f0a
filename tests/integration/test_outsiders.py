# SPDX-License-Identifier: GPL-3.0-or-later
"""Software that is not ours plays a node's stream; strangers do not."""
import os
import random
import signal
import socket
import struct
import unittest

from harness import ports
from harness.case import main
from harness.programs import run
from harness.rtsp import Player, outside_address, request
from harness.sound import read_wav, rms_db
from harness.wait import PATIENCE, wait_for
from mesh_case import MONITOR_KEY, MeshCase


class PlayersTest(MeshCase):
    """One node that sends a tone; each player records two seconds of it."""

    watchdog_seconds = 240

    def setUp(self):
        super().setUp()
        self.jack = self.stage.jack()
        self.server = self.make_server().start()
        self.porto = self.stage.node("porto", self.jack, self.server.url).start()
        self.jack.wait_ports(self.porto.send_port())
        # Nobody listens on this pair; the probe is there for the tone that it sends.
        self.stage.probe(self.jack, {self.porto: [self.porto]})
        self.out = os.path.join(self.stage.folder, "heard.wav")
        wait_for(lambda: request("127.0.0.1", self.porto.rtsp_port)[0] == 200, 20, "the stream to be served")

    def check(self, done, seconds):
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        rate, channels, samples = read_wav(self.out)
        self.assertEqual((rate, channels), (48000, 2))
        self.assertGreater(len(samples), seconds * rate * 0.5)
        # The last half: the tone may have begun after the player.
        self.assertGreater(rms_db(samples[len(samples) // 2:]), -40)

    def ffmpeg(self, transport):
        self.check(run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-y", "-rtsp_transport", transport,
                        "-i", self.porto.rtsp_url(), "-t", "2", "-c:a", "pcm_s16le", self.out], timeout=60), 2)

    def test_ffmpeg_over_udp(self):
        self.ffmpeg("udp")

    def test_ffmpeg_over_tcp(self):
        self.ffmpeg("tcp")

    def gst_launch(self, protocol):
        # 100 buffers of 20 ms, after which identity ends the stream and wavenc its file.
        self.check(run(["gst-launch-1.0", "-e", "rtspsrc", f"location={self.porto.rtsp_url()}", f"protocols={protocol}",
                        "latency=50", "!", "rtpopusdepay", "!", "opusdec", "!", "audioconvert", "!",
                        "audio/x-raw,format=S16LE", "!", "audiobuffersplit", "output-buffer-duration=1/50", "!",
                        "identity", "eos-after=100", "!", "wavenc", "!", "filesink", f"location={self.out}"],
                       timeout=60), 2)

    def test_gst_launch_over_udp(self):
        self.gst_launch("udp")

    def test_gst_launch_over_tcp(self):
        self.gst_launch("tcp")

    def test_listeners_that_vanish_or_stall(self):
        """A player that is killed and one that stops reading harm nobody, and the stream stays open to others."""
        lisboa = self.stage.node("lisboa", self.jack, self.server.url).start()
        self.jack.wait_ports(lisboa.send_port())
        probe = self.stage.probe(self.jack, {lisboa: [self.porto]})
        probe.wait_heard()

        def disturb():
            player = self.stage.process("player", [
                "ffmpeg", "-nostdin", "-loglevel", "warning", "-rtsp_transport", "tcp", "-i", lisboa.rtsp_url(),
                "-f", "null", "-"])
            wait_for(lambda: len(lisboa.status()["emitter"]["listeners"]) >= 2, 20, "the player to listen")
            player.signal(19)  # SIGSTOP: it reads no more, its socket stays open
            self.wait_judged(probe, (lisboa, self.porto), 3)
            player.kill()
            wait_for(lambda: len(lisboa.status()["emitter"]["listeners"]) == 1, 90, "the dead player to be dropped")

        self.assert_undisturbed(probe, [(lisboa, self.porto)], disturb)

    def player(self, tcp, **how):
        player = Player(self.porto.rtsp_port, tcp, **how)
        self.stage.defer(player.close)
        return player

    def stalled_player(self):
        """It reads nothing, and the node cannot write to it any more."""
        player = self.player(tcp=True, receive_buffer=4096)
        port = player.socket.getsockname()[1]

        def waiting():
            with open(f"/proc/{self.porto.process.pid}/net/tcp", encoding="ascii") as table:
                rows = [line.split() for line in table.readlines()[1:]]
            return [int(row[4].split(":")[0], 16) for row in rows if int(row[2].split(":")[1], 16) == port]

        size = []

        def full():
            size.append(waiting())
            return len(size) > 20 and size[-1] == size[-20] and size[-1][0] > 1000

        wait_for(full, 30, "what is sent to it to wait")
        return player

    def assert_plays(self, player, packets=400):
        """It gets what is sent now, and goes on getting it."""
        for _ in range(packets):
            player.packet()

    def test_players_after_one_that_stalled_and_vanished(self):
        """Whatever was on its way to it holds up none that comes later, not even until the next RTCP report, which comes
        every five seconds."""
        for tcp in (True, False):
            with self.subTest(tcp=tcp):
                self.stalled_player().close()
                self.assert_plays(self.player(tcp, timeout=2 * PATIENCE))

    def test_the_first_over_udp_beside_one_over_tcp_that_stalls(self):
        """A way for UDP is made only then, while the one for TCP stands still."""
        self.stalled_player()
        self.assert_plays(self.player(tcp=False, timeout=2 * PATIENCE))

    def test_players_beside_one_that_stalls(self):
        for first_tcp, second_tcp in ((True, True), (True, False), (False, True), (False, False)):
            with self.subTest(first_tcp=first_tcp, second_tcp=second_tcp):
                before = self.player(first_tcp)
                self.assert_plays(before, 10)
                stalled = self.stalled_player()
                self.assert_plays(before, 10)
                after = self.player(second_tcp)
                self.assert_plays(after)
                self.assert_plays(before)
                for player in (before, stalled, after):
                    player.close()

    def test_garbage_on_the_rtsp_port(self):
        for garbage in (b"\x00" * 4096, b"GET / HTTP/1.1\r\n\r\n", b"$\x00\xff\xff" + b"x" * 100,
                        b"DESCRIBE rtsp://" + b"a" * 70000 + b" RTSP/1.0\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", self.porto.rtsp_port), timeout=5) as link:
                try:
                    link.sendall(garbage)
                except OSError:
                    pass  # it may hang up at once
        self.assertEqual(request("127.0.0.1", self.porto.rtsp_port)[0], 200)


    def test_no_more_than_128_connections(self):
        """Those that say nothing are closed after ten seconds, so there is room again."""
        links = []
        self.stage.defer(lambda: [link.close() for link in links])
        for _ in range(128):
            links.append(socket.create_connection(("127.0.0.1", self.porto.rtsp_port), timeout=10))

        def turned_away():
            with socket.create_connection(("127.0.0.1", self.porto.rtsp_port), timeout=10) as one:
                return one.recv(1) == b""

        wait_for(turned_away, 9, "one too many to be turned away")
        self.porto.process.wait_log(r"refused 127\.0\.0\.1 .*there are 128 RTSP connections")
        wait_for(lambda: request("127.0.0.1", self.porto.rtsp_port)[0] == 200, 40, "room again")
        self.assertNotIn("CRITICAL", self.porto.process.log())


class ForgeriesTest(MeshCase):
    def test_packets_of_strangers_take_nobodys_place(self):
        """In the clear: what looks like the peer's stream, but has another source, and what looks like its reports."""
        jack, _, (porto, lisboa) = self.make_mesh("porto", "lisboa", transport="rtsp", rtsp_security="plain")
        probe = self.probe_all(jack, [porto, lisboa])
        targets = porto.udp_ports()
        self.assertTrue(targets)

        def pelt():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for number in range(4000):
                    kind = random.choice((96, 97, 98, 99, 100, 0x80 | 96, 200, 201, 203))
                    packet = struct.pack(">BBHII", 0x80, kind, number & 0xffff, number, random.getrandbits(32))
                    sock.sendto(packet + random.randbytes(random.randrange(300)), ("127.0.0.1", targets[number % len(targets)]))
            self.wait_judged(probe, (lisboa, porto), 2)

        attempts = porto.process.log().count("playing")
        self.assert_undisturbed(probe, [(porto, lisboa), (lisboa, porto)], pelt)
        self.assertEqual(porto.process.log().count("playing"), attempts, "its connection was not made anew")

    def test_a_new_source_is_heard_once_the_old_one_is_silent(self):
        """A sender that begins anew within one session: another SSRC, sent here in the place of a node that stands still."""
        server = self.make_server(("porto", "lisboa")).start()
        # A JACK server each: one waits for clients that stand still, and lets its others wait.
        porto, lisboa = (self.stage.node(name, self.stage.jack(), server.url, transport="rtsp", rtsp_security="plain",
                                         codec="pcm16", redundancy=0).start() for name in ("porto", "lisboa"))
        wait_for(lambda: lisboa.peers().get("porto", {}).get("state") == "playing", 30, "porto to be heard at lisboa")
        targets = lisboa.udp_ports()
        player = Player(porto.rtsp_port, False, query="?codecs=pcm16")
        first, source = player.packet(), random.getrandbits(32)
        player.close()

        def told():
            return lisboa.peers()["porto"]["received"]

        def begin_anew():
            number = 0
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                before = told()
                while told() < before + 100:
                    for _ in range(50):
                        number += 1
                        packet = struct.pack(">2sHII", first[:2], number & 0xffff, number * 64, source) + first[12:]
                        for target in targets:
                            sock.sendto(packet, ("127.0.0.1", target))
                    yield

        porto.process.signal(signal.SIGSTOP)
        try:
            turns = begin_anew()
            wait_for(lambda: next(turns, "over") == "over", 20, "the new source to be played")
        finally:
            porto.process.signal(signal.SIGCONT)
        before = told()
        wait_for(lambda: told() > before + 1000, 20, "porto itself to be heard again")


@unittest.skipUnless(outside_address(), "this machine has no address but loopback")
class StrangersTest(MeshCase):
    def setUp(self):
        super().setUp()
        self.address = outside_address()
        self.jack = self.stage.jack()

    def status(self, node):
        return request(self.address, node.rtsp_port, source=self.address)[0]

    def test_stranger_gets_403(self):
        server = self.make_server().start()
        porto = self.stage.node("porto", self.jack, server.url).start()
        self.jack.wait_ports(porto.send_port())
        wait_for(lambda: request("127.0.0.1", porto.rtsp_port)[0] == 200, 20, "the stream to be served")
        logged = len(porto.process.log())
        self.assertEqual(self.status(porto), 403)
        porto.process.wait_log("refused " + self.address.replace(".", r"\."), after=logged)
        for method in ("SETUP", "PLAY"):
            code = request(self.address, porto.rtsp_port, method, source=self.address)[0]
            self.assertGreaterEqual(code, 400, method)

    def test_allowed_network_gets_in(self):
        server = self.make_server().start()
        porto = self.stage.node("porto", self.jack, server.url, allow=[f"{self.address}/32"]).start()
        self.jack.wait_ports(porto.send_port())
        wait_for(lambda: self.status(porto) == 200, 20, "the stream to be served")

    def test_listed_peer_gets_in_until_it_leaves(self):
        original = self.stage.original_server({"key-of-porto": "porto"})
        porto = self.stage.node("porto", self.jack, original.url).start()
        self.jack.wait_ports(porto.send_port())
        wait_for(lambda: original.names() == ["porto"], 20, "porto to register")
        wait_for(lambda: self.status(porto) == 403, 20, "the stream to be served, not to us")
        me = {"ip": "127.0.0.1", "stream": True, "name": "porto", "port": porto.rtsp_port}
        dead = ports.reserve().take()
        original.push([me, {"ip": self.address, "stream": True, "name": "guest", "port": dead}])
        wait_for(lambda: self.status(porto) == 200, 20, "the listed guest to be let in")
        original.push([me], message="[guest] disconnected from config server")
        wait_for(lambda: self.status(porto) == 403, 20, "the guest who left to be kept out")


class MonitorTest(MeshCase):
    def test_monitor_hears_of_joins(self):
        jack = self.stage.jack()
        server = self.make_server().start()
        monitor = self.stage.original_client(server.url, "monitor", MONITOR_KEY)
        porto = self.stage.node("porto", jack, server.url).start()
        monitor.wait_message(lambda m: m.get("message", "").startswith("[porto] connected"), "porto's arrival")
        self.assertEqual(porto.leave(), 0)
        monitor.wait_message(lambda m: m.get("message") == "[porto] disconnected", "porto's leaving")


if __name__ == "__main__":
    main()
