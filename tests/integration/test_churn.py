# SPDX-License-Identifier: GPL-3.0-or-later
"""Fifty quick joins and leaves leave nothing behind: no thread, no descriptor, no JACK port."""
from harness.case import main
from harness.wait import NotReached, wait_for
from mesh_case import MeshCase

ROUNDS = 50


class ChurnTest(MeshCase):
    watchdog_seconds = 300

    def visit(self, server, host, wait_until=None):
        """A client that joins as montemor, whose stream is really host's, and drops its socket."""
        client = self.stage.original_client(server.url, "montemor", "key-of-montemor", port=host.rtsp_port)
        client.wait_message(lambda m: "n_clients" in m, "the answer to register")
        if wait_until:
            wait_for(wait_until, 30, "the visitor to be played by both")
        client.stop()

    def assert_settles(self, process, descriptors, threads):
        try:
            wait_for(lambda: process.descriptors() <= descriptors and process.threads() <= threads, 60, "it")
        except NotReached:
            self.fail(f"{process.name}: {threads} → {process.threads()} threads, {descriptors} → "
                      f"{process.descriptors()} descriptors: {process.descriptor_targets()}")

    def test_fifty_joins_and_leaves(self):
        jack, server, (porto, lisboa) = self.make_mesh("porto", "lisboa")[0:3]
        server.config["client_keys"].append({"name": "montemor", "key": "key-of-montemor"})
        server.stop()
        server.start()
        self.wait_names(server, "porto", "lisboa", timeout=60)
        probe = self.probe_all(jack, [porto, lisboa])

        def gone():
            return "montemor" not in porto.peers() and "montemor" not in lisboa.peers()

        def played():
            return all(node.peers()["montemor"]["state"] == "playing" for node in (porto, lisboa))

        # What is made once and kept (ports of a known peer, pools, caches) is made now: the most threads at once come by
        # chance.
        for _ in range(12):
            self.visit(server, lisboa, played)
            wait_for(gone, 30, "the visitor to be gone")
        watched = [porto.process, lisboa.process, server.process]
        # A session that is about to end may still be counted: take the least of what is seen while it settles.
        before = {}
        for process in watched:
            samples = []
            wait_for(lambda: samples.append((process.descriptors(), process.threads())) or len(samples) >= 40, 20)
            before[process] = (min(s[0] for s in samples), min(s[1] for s in samples))
        ports = set(jack.ports())

        for index in range(ROUNDS):
            # Every fifth is waited for; the others are gone before or while they are connected to.
            self.visit(server, lisboa, played if index % 5 == 0 else None)
        wait_for(gone, 30, "the last visitor to be gone")

        wait_for(lambda: set(jack.ports()) == ports, 30, f"the ports to be those of before, {sorted(ports)}")
        for process in watched:
            self.assert_settles(process, *before[process])
        probe.wait_heard()


if __name__ == "__main__":
    main()
