# SPDX-License-Identifier: GPL-3.0-or-later
"""An emitter alone: its ports, its stream as outsiders play it, and who may listen."""
import os
import re
import socket
import statistics
import subprocess
import time

import numpy

import emit as probe
from harness import ports
from harness.case import StageCase, main
from harness.programs import run
from harness.rtsp import outside_address
from harness.wait import holds_for, wait_for


class Playing(probe.ToneCase):
    def test_outsiders_play_it_over_udp_and_tcp(self):
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack)
        emit.wait_capturing()
        jack.wait_ports("matriz-send:in_send_1", "matriz-send:in_send_2")
        self.assertEqual(jack.connections()[emit.send_port()], [], "it connects nothing by itself")
        probe.tone(self.stage, jack, emit)
        for transport in "udp", "tcp":
            with self.subTest(player="ffmpeg", transport=transport):
                self.assert_tone(probe.with_ffmpeg(emit.url(), transport))
            with self.subTest(player="gst-launch", transport=transport):
                self.assert_tone(probe.with_gstreamer(self.stage, emit.url(), transport))
        self.assertAlmostEqual(emit.status()["peak_db"][0], -6, delta=0.5)
        emit.wait_listeners(0, 30)
        self.assertIn("matriz-send:in_send_1", jack.ports(), "the ports stay when the last listener leaves")

    def test_ffprobe_sees_an_opus_stream(self):
        emit = probe.start(self.stage, self.stage.jack())
        emit.wait_capturing()
        for transport in "udp", "tcp":
            told = run(["ffprobe", "-v", "error", "-rtsp_transport", transport, "-show_entries", "stream=codec_name,sample_rate,channels",
                        "-of", "csv=p=0", emit.url()])
            self.assertEqual(told.stdout.strip(), "opus,48000,2", told.stderr)

    def test_frame_lengths_and_mono(self):
        jack = self.stage.jack(period=128)
        for frame, per_second in ("2.5", 400), ("5", 200), ("10", 100), ("20", 50):
            emit = probe.start(self.stage, jack, "--frame", frame, "--channels", "1", name=f"frame{per_second}")
            first = emit.wait_capturing()
            player = emit.rtsp()
            sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
            first_port, _ = self.stage.block.take_range(2)
            for offset, one in enumerate(sockets):
                one.bind(("127.0.0.1", first_port + offset))
                one.settimeout(5)
            player.play(f"RTP/AVP;unicast;client_port={first_port}-{first_port + 1}")
            packets = [sockets[0].recv(2048) for _ in range(40)][8:]
            times = [int.from_bytes(packet[4:8], "big") for packet in packets]
            steps = [(b - a) % 2**32 for a, b in zip(times, times[1:])]
            # What JACK lost meanwhile makes a step longer.
            self.assertEqual((min(steps), statistics.mode(steps)), (48000 // per_second, 48000 // per_second), steps)
            self.assertLessEqual(max(map(len, packets)), 1200)
            self.assertEqual(first["rate"], 48000)
            player.close()
            for one in sockets:
                one.close()
            emit.process.stop()

    def test_only_a_query_of_ours_changes_the_answer(self):
        emit = probe.start(self.stage, self.stage.jack())
        emit.wait_capturing()
        for query in "?matriz=1", "?x", "/":
            told = run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", emit.url() + query])
            self.assertEqual(told.stdout.strip(), "opus", told.stderr)
        self.assertEqual(emit.rtsp().ask("DESCRIBE", emit.url()[:-6] + "other")[0], 404)

    def offers(self, codec, encoding):
        """Starts a sender of `codec` and returns what describes its stream to a query, once the obvious is checked."""
        asked = "?codecs=opus-custom,pcm16,pcm24,float32,opus&rate=48000&period=64"
        emit = probe.start(self.stage, self.stage.jack(period=64), "--codec", codec)
        first = emit.wait_capturing()
        self.assertAlmostEqual(first["packet_ms"], 64 / 48, places=4, msg="a packet a period")
        self.assert_rate(emit, first)
        players = []

        def describe(query):
            players.append(emit.rtsp())
            return players[-1].ask("DESCRIBE", emit.url() + query)[1]

        self.assertIn(f"a=rtpmap:96 {encoding}", describe(asked))
        red = describe(asked + "&red=1")
        self.assertIn("a=rtpmap:100 RED/48000/2", red)
        self.assertIn(f"red-codec={codec};red-pt=96", red)
        self.assertIn("a=rtpmap:96 OPUS/48000/2", describe(""), "everybody else")
        self.assertIn("OPUS/48000/2", describe("?codecs=opus"), "a node that knows no other")
        emit.process.wait_log(f"127.0.0.1: the listener does not know {codec}; it gets standard Opus")
        return describe

    def assert_rate(self, emit, first):
        """What the status says of the stream is what was sent since `first`, but for headers of 12 bytes and more."""
        last = wait_for(lambda: (s := emit.status())["packets"] > first["packets"] + 500 and s, 20, "500 packets")
        packets, size = last["packets"] - first["packets"], last["bytes"] - first["bytes"]
        payload = last["bitrate"] / 8 * last["packet_ms"] / 1000
        self.assertAlmostEqual(size / packets, payload + 12, delta=0.12 * payload)

    def test_pcm16_is_offered_to_those_who_know_it(self):
        self.offers("pcm16", "L16/48000/2")

    def test_pcm24_is_offered_to_those_who_know_it(self):
        self.offers("pcm24", "L24/48000/2")

    def test_float32_is_offered_to_those_who_know_it(self):
        self.offers("float32", "X-MATRIZ-F32/48000/2")

    def test_opus_custom_is_offered_at_the_same_period_only(self):
        describe = self.offers("opus-custom", "X-MATRIZ-OPUS-CUSTOM/48000/2")
        for other in ("rate=48000&period=128", "rate=44100&period=64"):
            self.assertIn("OPUS/48000/2", describe("?codecs=opus-custom,opus&" + other))

    def test_pcm_of_a_long_period_leaves_room_for_copies(self):
        """256 frames of two channels fit one packet, but none beside a copy."""
        emit = probe.start(self.stage, self.stage.jack(period=256), "--codec", "pcm16")
        first = emit.wait_capturing()
        self.assertAlmostEqual(first["packet_ms"], 128 / 48, places=4)
        emit.rtsp().ask("DESCRIBE", emit.url())
        self.assert_rate(emit, first)

    def test_server_ports_are_from_the_range(self):
        emit = probe.start(self.stage, self.stage.jack())
        emit.wait_capturing()
        player = emit.rtsp()
        head = player.play(f"RTP/AVP;unicast;client_port={self.stage.block.take()}-{self.stage.block.take()}")
        ports = [int(p) for p in re.search(r"server_port=(\d+)-(\d+)", head).groups()]
        self.assertTrue(all(emit.udp[0] <= port <= emit.udp[1] for port in ports), head)
        player.close()

    def test_packets_ask_for_expedited_forwarding(self):
        """RFC 3246: DSCP 46, which Linux turns into the socket's priority, too."""
        emit = probe.start(self.stage, self.stage.jack())
        emit.wait_capturing()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
            listener.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
            listener.bind(("127.0.0.1", self.stage.block.take()))
            listener.settimeout(10)
            port = listener.getsockname()[1]
            player = emit.rtsp()
            player.play(f"RTP/AVP;unicast;client_port={port}-{self.stage.block.take()}")
            packet, told, _, _ = listener.recvmsg(2000, 64)
            self.assertEqual(packet[0] >> 6, 2, "RTP")
            self.assertIn((socket.IPPROTO_IP, socket.IP_TOS, bytes([46 << 2])), told)
            player.close()

    def test_a_receiver_report_reaches_the_status(self):
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack)
        emit.wait_capturing()
        self.stage.process("player", ["gst-launch-1.0", "-q", "rtspsrc", f"location={emit.url()}", "protocols=udp", "!", "fakesink"])
        told = wait_for(lambda: (s := emit.wait_listeners(1)) and s["listeners"][0]["reported"] and s["listeners"][0], 30,
                        "an RTCP report")
        self.assertEqual((told["address"], told["tcp"], told["lost"]), ("127.0.0.1", False, 0))


class Starting(StageCase):
    may_die = True

    def failure(self, *options, port=None):
        emit = probe.start(self.stage, self.stage.jack(), *options, port=port)
        self.assertEqual(emit.process.wait_exit(), 2)
        return emit.process.log()

    def test_a_taken_port_is_told(self):
        with socket.socket() as taken:
            taken.bind(("0.0.0.0", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assertRegex(self.failure(port=port), rf"cannot listen on rtsp://0\.0\.0\.0:{port}/stream: .*in use")

    def test_an_unknown_interface_is_told_with_those_there_are(self):
        self.assertRegex(self.failure("--interface", "matriz-none0"), r'no network interface "matriz-none0"; there are: .*\blo\b')

    def test_a_bad_network_is_told(self):
        self.assertRegex(self.failure("--allow", "10.0.0.0/99"), r'"10\.0\.0\.0/99" is no network')

    def test_a_codec_that_cannot_be_sent_is_told(self):
        self.assertRegex(self.failure("--channels", "9"), r"channels: 9")

    def test_interface_binds_to_its_address(self):
        emit = probe.start(self.stage, self.stage.jack(), "--interface", "lo")
        emit.process.wait_log(r"offering rtsp://127\.0\.0\.1:")
        other = outside_address()
        if other:
            with self.assertRaises(ConnectionRefusedError):
                emit.rtsp(host=other)
        self.assertGreater(len(probe.with_ffmpeg(emit.url(), "udp", 0.5)[0]), 0)
        self.assertEqual(emit.process.stop(), 0)


class Access(StageCase):
    def setUp(self):
        super().setUp()
        self.address = outside_address()
        if not self.address:
            self.skipTest("this machine has no address but loopback")

    def test_strangers_get_403_and_one_log_line(self):
        emit = probe.start(self.stage, self.stage.jack())
        emit.wait_capturing()
        for _ in range(20):
            stranger = emit.rtsp(host=self.address)
            for method in "OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN":
                self.assertEqual(stranger.ask(method)[0], 403, method)
            stranger.close()
        self.assertEqual(emit.status()["refused"], 120)
        self.assertEqual(len(re.findall(rf"refused {re.escape(self.address)}", emit.process.log())), 1)

    def test_the_client_list_lets_in_and_throws_out(self):
        emit = probe.start(self.stage, self.stage.jack())
        emit.wait_capturing()
        self.assertEqual(emit.rtsp(host=self.address).ask("DESCRIBE")[0], 403)
        emit.say(f"allow {self.address} 203.0.113.9")
        peer = emit.rtsp(host=self.address)
        peer.play("RTP/AVP/TCP;unicast;interleaved=0-1")
        emit.wait_listeners(1)
        emit.say("allow 203.0.113.9")
        wait_for(peer.closed, 10, "the connection to be closed")
        emit.wait_listeners(0)
        self.assertEqual(emit.rtsp(host=self.address).ask("DESCRIBE")[0], 403)

    def test_allowed_networks(self):
        emit = probe.start(self.stage, self.stage.jack(), "--allow", self.address + "/24")
        emit.wait_capturing()
        self.assertEqual(emit.rtsp(host=self.address).ask("DESCRIBE")[0], 200)

    def test_packets_go_only_to_who_asked(self):
        emit = probe.start(self.stage, self.stage.jack())
        emit.wait_capturing()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
            victim.bind((self.address, 0))
            victim.settimeout(1.5)
            port = victim.getsockname()[1]
            attacker = emit.rtsp()
            head = attacker.play(f"RTP/AVP;unicast;destination={self.address};client_port={port}-{port + 1}")
            self.assertNotIn(f"destination={self.address}", head)
            with self.assertRaises(TimeoutError):
                victim.recv(2048)


class Misbehaving(StageCase):
    watchdog_seconds = 150

    def test_a_listener_that_stalls_disturbs_nobody_and_is_dropped(self):
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack, "--bitrate", "510000")
        emit.wait_capturing()
        self.stage.process("good", ["gst-launch-1.0", "-q", "rtspsrc", f"location={emit.url()}", "protocols=udp", "!", "fakesink"])
        emit.wait_listeners(1)
        joined = time.monotonic()
        stalled = emit.rtsp(receive_buffer=4096)
        stalled.play("RTP/AVP/TCP;unicast;interleaved=0-1")  # and never reads again
        emit.wait_listeners(2)
        emit.wait_listeners(1, 60)  # the stalled one is dropped
        listened = time.monotonic() - joined
        good, = emit.status()["listeners"]
        self.assertFalse(good["tcp"])
        self.assertEqual(good["lost"], 0, "the good one missed nothing")
        self.assertGreaterEqual(good["seconds"], listened - 1, "and was never interrupted")  # told in whole seconds

    def test_vanished_listeners_are_forgotten(self):
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack)
        emit.wait_capturing()
        players = [self.stage.process(f"player{n}", ["gst-launch-1.0", "-q", "rtspsrc", f"location={emit.url()}", f"protocols={kind}",
                                                     "!", "fakesink"]) for n, kind in enumerate(["udp", "tcp", "udp"])]
        emit.wait_listeners(3)
        for player in players:
            player.kill()
        emit.wait_listeners(0, 60)

    def test_a_connection_that_says_nothing_is_closed(self):
        emit = probe.start(self.stage, self.stage.jack())
        emit.wait_capturing()
        silent = emit.rtsp()
        wait_for(silent.closed, 40, "the silent connection to be closed")

    def test_rubbish_leaves_it_standing(self):
        emit = probe.start(self.stage, self.stage.jack())
        emit.wait_capturing()
        for rubbish in b"\0" * 4096, b"$\0\xff\xff" + b"x" * 100, b"DESCRIBE\r\n\r\n", b"OPTIONS * RTSP/9.9\r\n\r\n", b"A" * 100000:
            client = emit.rtsp()
            client.socket.sendall(rubbish)
            client.close()
        client = emit.rtsp()
        status, _ = client.ask("DESCRIBE", Blocksize="20")
        self.assertEqual(status, 200)
        client.ask("SETUP", client.url + "/stream=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1", Blocksize="20")
        self.assertGreater(len(probe.with_ffmpeg(emit.url(), "udp", 0.5)[0]), 0)

    def test_fifty_listeners_leave_nothing_behind(self):
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack)
        emit.wait_capturing()
        first = ports.reserve().first  # two for each listener

        def listen(count):
            for n in range(count):
                player = emit.rtsp()
                player.play("RTP/AVP/TCP;unicast;interleaved=0-1" if n % 2 else
                            f"RTP/AVP;unicast;client_port={first + 2 * n}-{first + 2 * n + 1}")
                if n % 3:
                    player.ask("TEARDOWN") if n % 2 == 0 else None
                player.close()
            emit.wait_listeners(0, 40)
        listen(6)
        threads, files = emit.process.threads(), emit.process.descriptors()
        listen(50)
        wait_for(lambda: emit.process.threads() <= threads + 1, 40, f"threads to be {threads} again")
        wait_for(lambda: emit.process.descriptors() <= files + 2, 40, f"descriptors to be {files} again")


class Recording(StageCase):
    def test_a_kill_leaves_a_readable_file(self):
        jack = self.stage.jack()
        folder = os.path.join(self.stage.folder, "takes")
        emit = probe.start(self.stage, jack, "--record", folder)
        emit.wait_capturing()
        probe.tone(self.stage, jack, emit)
        wait_for(lambda: emit.status()["recording"]["seconds"] > 3, 20, "three seconds")
        path = emit.status()["recording"]["path"]
        emit.process.kill()
        length = float(run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path]).stdout)
        self.assertGreater(length, 1.5)

    def test_stopped_in_order_it_is_complete(self):
        jack = self.stage.jack()
        for options, extension in ([], ".wav"), (["--flac"], ".flac"):
            folder = os.path.join(self.stage.folder, "takes" + extension)
            emit = probe.start(self.stage, jack, *options, "--record", folder)
            emit.wait_capturing()
            sound = probe.tone(self.stage, jack, emit)
            wait_for(lambda e=emit: e.status()["recording"]["seconds"] > 1, 20, "a second")
            self.assertEqual(emit.process.stop(), 0)
            sound.stop()
            name, = os.listdir(folder)
            self.assertTrue(name.endswith(extension))
            raw = subprocess.run(["ffmpeg", "-v", "error", "-i", os.path.join(folder, name), "-f", "f32le", "-"], check=True,
                                 stdin=subprocess.DEVNULL, capture_output=True).stdout
            samples = numpy.frombuffer(raw, dtype=numpy.float32).reshape(-1, 2)[-24000:, 1]
            self.assertAlmostEqual(probe.frequency(samples), 1000, delta=5)

    def test_it_goes_on_without_jack(self):
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack, "--record", os.path.join(self.stage.folder, "takes"))
        emit.wait_capturing()
        wait_for(lambda: emit.status()["recording"]["seconds"] > 0.5, 20, "a recording")
        jack.kill()
        emit.wait_capturing(False)
        at = emit.status()["recording"]["seconds"]
        status = wait_for(lambda: (s := emit.status())["recording"]["seconds"] > at + 1 and s, 20, "the recording to go on")
        self.assertEqual(len(os.listdir(os.path.join(self.stage.folder, "takes"))), 1)
        self.assertTrue(status["recording"]["on"])


class Ending(StageCase):
    def test_with_listeners_it_ends_quickly_and_cleanly(self):
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack, env={"GST_TRACERS": "leaks", "GST_DEBUG": "GST_TRACER:7", "GST_DEBUG_NO_COLOR": "1"})
        emit.wait_capturing()
        for kind in "udp", "tcp":
            self.stage.process(f"player-{kind}", ["gst-launch-1.0", "-q", "rtspsrc", f"location={emit.url()}", f"protocols={kind}", "!",
                                                  "fakesink"])
        emit.wait_listeners(2)
        self.assertEqual(emit.process.stop(), 0)
        self.assertNotRegex(emit.process.log(), r":0::\s*object-alive")
        self.assertNotIn("did not end in time", emit.process.log())
        holds_for(lambda: emit.send_port() not in jack.ports(), 0.2)


if __name__ == "__main__":
    main()
