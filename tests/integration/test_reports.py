# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose link is bad? How each node hears each other reaches the config server."""
import json
import urllib.request

from harness.case import main
from harness.wait import wait_for
from mesh_case import MONITOR_KEY, MeshCase


class ReportsTest(MeshCase):
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

    def test_a_peer_that_is_gone_is_no_link(self):
        jack, server, nodes = self.make_mesh("porto", "lisboa")
        self.probe_all(jack, nodes)
        wait_for(lambda: len(self.links(server)) == 2, 20, "reports of both links")
        nodes[1].leave()
        wait_for(lambda: not self.links(server), 20, "the links to go")


if __name__ == "__main__":
    main()
