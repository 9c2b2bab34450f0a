# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of attacks share: a man in the middle, a member of one's own."""
import copy
import os
import pathlib
import re
import time

from harness import natlab
from harness.middle import Middle
from harness.original_client import OriginalClient
from harness.wait import holds_for, wait_for
from nat_case import NatCase

OTHER = ":".join(["AB"] * 32)  # nobody's fingerprint


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
    def settle(middle, *names):
        """Waits until these nodes have said nothing for two seconds: candidates may come long after the sound."""
        newest = [None, time.monotonic()]

        def settled():
            said = [len(middle.signals("up", name)) for name in names]
            if said != newest[0]:
                newest[:] = said, time.monotonic()
            return time.monotonic() > newest[1] + 2
        wait_for(settled, 20, f"{', '.join(names)} to have said all they had to say")

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
