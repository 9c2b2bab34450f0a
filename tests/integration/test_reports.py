# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose link is bad? How each node hears each other reaches the config server."""
import json
import urllib.request

from harness.case import main
from harness.wait import NotReached, PATIENCE, wait_for
from mesh_case import MONITOR_KEY, MeshCase


class ReportsTest(MeshCase):
    watchdog_seconds = 150

    def links(self, server):
        url = server.url.replace("ws://", "http://").replace("/config", "/rooms/default/status")
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {MONITOR_KEY}"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return {(link["listener"], link["source"]): link for link in json.load(answer)["links"]}

    def test_the_server_knows_every_link(self):
        jack, server, nodes = self.make_mesh("porto", "lisboa")
        self.probe_all(jack, nodes)
        both = {("porto", "lisboa"), ("lisboa", "porto")}

        def told():
            links = self.links(server)
            return links if set(links) == both and all("delay_ms" in l and "loss" in l for l in links.values()) else None

        for link in wait_for(told, 20, "reports of both links").values():
            self.assertGreater(link["delay_ms"], 0)
            self.assertLess(link["delay_ms"], 100)
            self.assertGreater(link["level_db"], -60, "the probe's signal is heard")
            self.assertGreaterEqual(link["loss"], 0)

    def test_the_way_of_opus(self):
        self.judge_one_way("opus")

    def test_the_way_of_opus_custom(self):
        self.judge_one_way("opus-custom")

    def test_the_way_of_pcm(self):
        self.judge_one_way("pcm16")

    def judge_one_way(self, codec):
        """What status and the server say of the way from port to port, against what a chirp needs for it."""
        jack, server, nodes = self.make_mesh("porto", "lisboa", transport="webrtc", codec=codec)
        probe = self.probe_all(jack, nodes, signal="chirp")
        pairs = [(nodes[0], nodes[1]), (nodes[1], nodes[0])]
        apart = {pair: [] for pair in pairs}

        def look():
            """Each time the probe has measured anew: is the middle of the last nine right in both directions? On a busy machine
            the delay moves, and status and chirp are not of the same moment; what is wrong by itself stays wrong."""
            mark = probe.mark()
            wait_for(lambda: all(probe.hears(*pair, mark) for pair in pairs), 20, "another chirp")
            for sender, listener in pairs:
                says = listener.peers()[sender.name]["one_way_ms"]
                if says is not None:
                    apart[sender, listener].append(says - probe.latency_ms(sender, listener))
            return all(len(seen) >= 9 and abs(self.middle(seen)) < 2.5 * PATIENCE for seen in apart.values())

        try:
            wait_for(look, 60, "it")
        except NotReached:
            self.fail(f"status against the chirp, ms: {apart}")
        for (sender, listener), seen in apart.items():
            print(f"# {codec}, {sender.name} to {listener.name}: status says {self.middle(seen):+.2f} ms, measured "
                  f"{probe.latency_ms(sender, listener):.2f}", flush=True)
            told = self.links(server)[listener.name, sender.name]["one_way_ms"]
            self.assertLess(abs(told - listener.peers()[sender.name]["one_way_ms"]), 20 * PATIENCE, "the server's figure")

    @staticmethod
    def middle(seen):
        """Of the last nine."""
        return sorted(seen[-9:])[4]

    def test_a_peer_that_is_gone_is_no_link(self):
        jack, server, nodes = self.make_mesh("porto", "lisboa")
        self.probe_all(jack, nodes)
        wait_for(lambda: len(self.links(server)) == 2, 20, "reports of both links")
        nodes[1].leave()
        wait_for(lambda: not self.links(server), 20, "the links to go")


if __name__ == "__main__":
    main()
