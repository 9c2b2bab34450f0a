# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests in the internet in a box share: a config server and coturn in the middle, nodes in homes around it."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import natlab, ports, turn
from harness.programs import Node
from harness.wait import wait_for
from mesh_case import MONITOR_KEY, MeshCase


def why_not():
    """Why these tests cannot run here, or None."""
    return natlab.why_not() or turn.why_not()


@unittest.skipIf(why_not(), why_not())
class NatCase(MeshCase):
    watchdog_seconds = 240
    names = ("anna", "bruno")
    jack_period = 64

    def setUp(self):
        super().setUp()
        port = self.stage.block.take()
        self.lab = natlab.Lab(control_port=port)
        self.stage.defer(self.lab.close)
        self.jack = self.stage.jack(period=self.jack_period)
        self.turn = turn.Turn(self.stage.folder, self.lab)
        self.stage.defer(self.turn.stop)
        self.turn.start()
        self.server = None

    def serve(self, ice_servers=None, names=None, **extra):
        """The config server, in the middle of the internet; `ice_servers` other than coturn's own, if given."""
        extra["ice_servers"] = self.turn.ice_servers() if ice_servers is None else ice_servers
        self.server = self.stage.server({name: f"key-of-{name}" for name in names or self.names}, monitor_key=MONITOR_KEY,
                                        extra=extra, host=self.lab.internet, port=self.lab.control_port)
        return self.server.start()

    def node(self, name, host, folder=None, **config):
        """A node on that host, started. Over IPv6 where the host has nothing else."""
        config.setdefault("server_url", self.server.url_at(natlab.SERVER4 if host.address4 else natlab.SERVER6))
        config.setdefault("transport", "webrtc")
        if folder:
            os.makedirs(folder, exist_ok=True)
        node = Node(folder or self.stage.folder, name, self.jack, ports.reserve(), config.pop("server_url"), host=host,
                    **config)
        return self.stage.watch(node).start()

    def pair(self, first, second, **config):
        """Nodes of the first two names on these hosts, with their sending ports there."""
        nodes = [self.node(name, host, **config) for name, host in zip(self.names, (first, second))]
        for node in nodes:
            self.jack.wait_ports(node.send_port())
        return nodes

    def probe_pair(self, first, second, timeout=30):
        """A probe between the two; returns when both are heard."""
        probe = self.stage.probe(self.jack, {first: [second], second: [first]})
        try:
            probe.wait_heard(timeout=timeout)
        except AssertionError as error:
            told = {node.name: self.link(node, other) for node, other in ((first, second), (second, first))}
            raise AssertionError(f"{error}; status: {told}") from None
        return probe

    @staticmethod
    def assert_kept_beside_another_address(node):
        """One more address of the machine's is no reason to make connections anew: their own are still there."""
        said = len(node.process.log())
        node.host.space.ip(f"addr add 192.168.1.200/{node.host.site.prefix4.prefixlen} dev eth0")
        node.process.wait_log(r"(?s)addresses have changed.*registered as", 20, after=said)
        assert "making another connection" not in node.process.log()[said:], node.process.log()[said:]

    @staticmethod
    def link(node, peer):
        """What /status says of the peer; {} when it does not know it or does not answer."""
        try:
            return node.peers().get(getattr(peer, "name", peer), {})
        except OSError as error:
            return {"no status": str(error)}

    def wait_path(self, node, peer, *paths, timeout=15):
        """Waits until the way that packets take is one of these; returns it."""
        try:
            wait_for(lambda: self.link(node, peer).get("path") in paths, timeout, "it")
        except AssertionError:
            raise AssertionError(f"{node.name} to {peer.name} should be {' or '.join(paths)}: "
                                 f"{self.link(node, peer)}") from None
        return self.link(node, peer)["path"]

    def wait_reason(self, node, peer, pattern, timeout=10):
        """Waits until /status says for the peer why it is not heard, in words that match."""
        try:
            wait_for(lambda: re.search(f"(?i){pattern}", self.link(node, peer).get("reason") or ""), timeout, "it")
        except AssertionError:
            raise AssertionError(f"{node.name} should say /{pattern}/ of {getattr(peer, 'name', peer)}: "
                                 f"{self.link(node, peer)}") from None
        return self.link(node, peer)["reason"]
