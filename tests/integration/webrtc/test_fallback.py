# SPDX-License-Identifier: GPL-3.0-or-later
"""`transport` auto where WebRTC does not get through at first: RTSP takes over, and is left again for WebRTC."""
import os

from harness.case import main
from harness.wait import wait_for
from nat_case import NatCase

NO_UDP = """table inet no_udp {
 chain out { type filter hook output priority 0; meta l4proto udp drop; }
 chain in { type filter hook input priority 0; meta l4proto udp drop; }
}
"""


class FallbackTest(NatCase):
    watchdog_seconds = 400

    def wait_fallback(self, *pairs):
        for node, other in pairs:
            wait_for(lambda: "WebRTC failed" in (self.link(node, other).get("why") or ""),  # pylint: disable=cell-var-from-loop
                     60, f"{node.name} to give WebRTC up")

    def wait_webrtc(self, *pairs):
        for node, other in pairs:
            wait_for(lambda: self.link(node, other).get("transport") == "webrtc",  # pylint: disable=cell-var-from-loop
                     30, f"{node.name} to be on WebRTC")
            self.assertTrue(self.link(node, other)["encrypted"])

    def test_blocked_then_opened(self):
        """Neither can be reached by anything but WebRTC, and that not before the firewalls let go."""
        self.serve()
        hosts = [self.lab.site(name, "blocked").host(name) for name in ("here", "there")]
        anna, bruno = self.pair(*hosts, transport="auto")
        self.wait_fallback((anna, bruno), (bruno, anna))
        for host in hosts:
            host.site.set_kind("port")
        self.probe_pair(anna, bruno, timeout=90)
        self.wait_webrtc((anna, bruno), (bruno, anna))

    def test_one_hears_by_rtsp_and_the_other_nothing(self):
        """Who hears well must not be deaf to the attempts of who does not; whichever of the two is to call."""
        self.serve()
        for reachable in self.names:
            with self.subTest(reachable=reachable):
                self.one_sided(reachable)

    def one_sided(self, reachable):
        hosts = {name: self.lab.site(f"{name}-of-{reachable}", "open" if name == reachable else "port").host(name)
                 for name in self.names}
        for host in hosts.values():
            host.run("nft", "-f", "-", text=NO_UDP)
        nodes = self.pair(*hosts.values(), folder=os.path.join(self.stage.folder, reachable), transport="auto")
        source, listener = nodes if nodes[0].name == reachable else nodes[::-1]
        probe = self.stage.probe(self.jack, {source: [listener], listener: [source]})
        probe.wait_heard((source, listener), timeout=60)
        self.assertEqual(self.link(listener, source)["transport"], "rtsp/tcp")
        self.wait_fallback((source, listener))
        self.assertFalse(probe.hears(listener, source))
        for host in hosts.values():
            host.run("nft", "delete", "table", "inet", "no_udp")
        probe.wait_heard(timeout=90)
        self.wait_webrtc((source, listener), (listener, source))
        for end in (probe, *nodes):
            end.stop()


if __name__ == "__main__":
    main()
