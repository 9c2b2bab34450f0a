# SPDX-License-Identifier: GPL-3.0-or-later
"""An emitter alone: IPv6, and addresses that come and go."""
import re
import socket
import unittest

import emit as probe
from harness.case import StageCase, main
from harness.space import Space, why_not as why_no_space
from harness.wait import wait_for


@unittest.skipUnless(probe.has_ipv6(), "this machine has no IPv6")
class Ipv6(probe.ToneCase):
    def test_outsiders_play_it_over_udp_and_tcp(self):
        jack = self.stage.jack()
        emit = probe.start(self.stage, jack)
        emit.wait_capturing()
        self.assertRegex(emit.process.log(), rf"offering rtsp://\[::\]:{emit.port}/stream")
        probe.tone(self.stage, jack, emit)
        described, sdp = emit.rtsp(host="::1").ask("DESCRIBE")
        self.assertEqual(described, 200)
        self.assertIn("IN IP6 ::1", sdp)
        for transport in "udp", "tcp":
            with self.subTest(player="ffmpeg", transport=transport):
                self.assert_tone(probe.with_ffmpeg(emit.url("::1"), transport))
            with self.subTest(player="gst-launch", transport=transport):
                self.assert_tone(probe.with_gstreamer(self.stage, emit.url("::1"), transport))
        emit.wait_listeners(0, 30)

    def test_both_families_share_the_stream(self):
        emit = probe.start(self.stage, self.stage.jack())
        emit.wait_capturing()
        for name, host in ("first", "127.0.0.1"), ("second", "::1"), ("third", "127.0.0.1"), ("fourth", "::1"):
            self.stage.process(name, ["gst-launch-1.0", "-q", "rtspsrc", f"location={emit.url(host)}", "protocols=udp", "!", "fakesink"])
        told = wait_for(lambda: (s := emit.wait_listeners(4)["listeners"]) and all(one["reported"] for one in s) and s, 40,
                        "an RTCP report of each")
        self.assertEqual(sorted(one["address"] for one in told), ["127.0.0.1", "127.0.0.1", "::1", "::1"])
        self.assertEqual([one["lost"] for one in told], [0, 0, 0, 0])

    def test_a_taken_port_is_told(self):
        self.may_die = True
        with socket.socket(socket.AF_INET6) as taken:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken.bind(("::", 0))
            taken.listen()
            port = taken.getsockname()[1]
            emit = probe.start(self.stage, self.stage.jack(), port=port)
            self.assertEqual(emit.process.wait_exit(), 2)
            self.assertRegex(emit.process.log(), rf"cannot listen on rtsp://\[::\]:{port}/stream: .*in use")

    def test_a_connection_that_says_nothing_is_closed(self):
        emit = probe.start(self.stage, self.stage.jack())
        emit.wait_capturing()
        silent = emit.rtsp(host="::1")
        wait_for(silent.closed, 40, "the silent connection to be closed")


@unittest.skipIf(why_no_space(), why_no_space())
class InItsOwnNetwork(StageCase):
    """The emitter in a network namespace, whose addresses the test decides on."""

    def setUp(self):
        super().setUp()
        self.space = Space("emitter")
        self.stage.defer(self.space.close)
        self.space.ip("link add card type veth peer name wire")
        for end in "card", "wire":
            self.space.ip(f"link set {end} up")
        self.jack = self.stage.jack()

    def start(self, *options):
        emit = probe.start(self.stage, self.jack, *options, space=self.space)
        emit.wait_capturing()
        return emit

    def visit(self, emit, host):
        """A connection to (and, since it is this machine's, from) the address."""
        return self.space.call(emit.rtsp, host)

    def asks(self, emit, host):
        return self.visit(emit, host).ask("DESCRIBE")[0]

    def listen(self, emit, address):
        """One who listens over UDP at the address: the connection, and from where the packets come."""
        first, _ = self.stage.block.take_range(2)
        ears = [self.space.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for offset, ear in enumerate(ears):
            ear.bind((address, first + offset))
            ear.settimeout(10)
            self.stage.defer(ear.close)
        peer = self.visit(emit, address)
        peer.play(f"RTP/AVP;unicast;client_port={first}-{first + 1}")
        return peer, ears[0].recvfrom(2048)[1][0]

    @unittest.skipUnless(probe.has_ipv6(), "this machine has no IPv6")
    def test_who_may_listen_over_ipv6(self):
        self.space.ip("addr add fd12:3::7/64 dev card nodad")
        self.space.ip("addr add fe80::7/64 dev card nodad")
        emit = self.start()
        for stranger in "fd12:3::7", "fe80::7%card":
            self.assertEqual(self.asks(emit, stranger), 403, stranger)
        emit.say("allow FD12:3:0::7 fe80::7%card")
        self.assertEqual(self.asks(emit, "fe80::7%card"), 200)
        peer = self.visit(emit, "fd12:3::7")
        peer.play("RTP/AVP/TCP;unicast;interleaved=0-1")
        self.assertEqual(emit.wait_listeners(1)["listeners"][0]["address"], "fd12:3::7")
        emit.say("allow fd12:3::8")
        wait_for(peer.closed, 10, "the connection to be closed")
        self.assertEqual(self.asks(emit, "fd12:3::7"), 403)
        self.assertEqual(emit.status()["refused"], 3)

    @unittest.skipUnless(probe.has_ipv6(), "this machine has no IPv6")
    def test_allowed_networks_of_both_families(self):
        for address in "10.7.0.1/24", "10.8.0.1/24":
            self.space.ip(f"addr add {address} dev card")
        for address in "fd12:3::7/64", "fd12:4::7/64":
            self.space.ip(f"addr add {address} dev card nodad")
        emit = self.start("--allow", "fd12:3::/64", "--allow", "::ffff:10.7.0.0/120")
        for address, answer in ("fd12:3::7", 200), ("fd12:4::7", 403), ("10.7.0.1", 200), ("10.8.0.1", 403):
            self.assertEqual(self.asks(emit, address), answer, address)

    def test_without_ipv6_it_serves_ipv4(self):
        self.space.sysctl(net__ipv6__conf__all__disable_ipv6=1, net__ipv6__conf__lo__disable_ipv6=1)
        emit = self.start()
        self.assertEqual(self.asks(emit, "127.0.0.1"), 200)

    def test_it_follows_its_interface_to_another_address(self):
        self.space.ip("addr add 10.7.0.1/24 dev card")
        emit = self.start("--interface", "card", "--allow", "10.0.0.0/8")
        peer, source = self.listen(emit, "10.7.0.1")
        self.assertEqual(source, "10.7.0.1")
        self.space.ip("addr del 10.7.0.1/24 dev card")
        emit.say("addresses")
        emit.process.wait_log('"card" has no address')
        self.space.ip("addr add 10.8.0.1/24 dev card")
        emit.process.wait_log(rf"offering rtsp://10\.8\.0\.1:{emit.port}/stream")  # by itself
        emit.wait_listeners(0)
        peer.close()
        again, source = self.listen(emit, "10.8.0.1")
        self.assertEqual(source, "10.8.0.1")
        emit.wait_listeners(1)
        emit.say("addresses")
        self.assertEqual(len(emit.wait_listeners(1)["listeners"]), 1, "the same address changes nothing")
        again.close()
        self.assertEqual(len(re.findall("has no address", emit.process.log())), 1)

    def test_it_waits_for_a_port_that_is_taken_at_the_new_address(self):
        self.space.ip("addr add 10.7.0.1/24 dev card")
        emit = self.start("--interface", "card", "--allow", "10.0.0.0/8")
        self.space.ip("addr add 10.8.0.1/24 dev card")
        taken = self.space.call(socket.create_server, ("10.8.0.1", emit.port))
        self.space.ip("addr del 10.7.0.1/24 dev card")
        emit.say("addresses")
        emit.process.wait_log(r"cannot listen on rtsp://10\.8\.0\.1.*in use")
        taken.close()
        wait_for(lambda: f"offering rtsp://10.8.0.1:{emit.port}/stream" in emit.process.log(), 10, "it to listen")
        self.assertEqual(self.asks(emit, "10.8.0.1"), 200)


if __name__ == "__main__":
    main()
