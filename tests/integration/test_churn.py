# SPDX-License-Identifier: GPL-3.0-or-later
"""Fifty quick joins and leaves leave nothing behind: no thread, no descriptor, no JACK port, no memory."""
from harness.case import main
from harness.wait import NotReached, wait_for
from mesh_case import MeshCase

ROUNDS = 50
WARM_UP = 60  # visits after which malloc's arenas have become as large as visits make them


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
        for index in range(WARM_UP):
            one_by_one = index < 12
            self.visit(server, lisboa, played if one_by_one or index % 5 == 0 else None)
            if one_by_one:
                wait_for(gone, 30, "the visitor to be gone")
        wait_for(gone, 30, "the visitor to be gone")
        watched = [porto.process, lisboa.process, server.process]
        # A session that is about to end may still be counted: take the least of what is seen while it settles.
        before = {process: process.least() for process in watched}
        ports = set(jack.ports())

        for index in range(ROUNDS):
            # Every fifth is waited for; the others are gone before or while they are connected to.
            self.visit(server, lisboa, played if index % 5 == 0 else None)
        wait_for(gone, 30, "the last visitor to be gone")

        wait_for(lambda: set(jack.ports()) == ports, 30, f"the ports to be those of before, {sorted(ports)}")
        for process in watched:
            descriptors, threads, kib = before[process]
            self.assert_settles(process, descriptors, threads)
            process.assert_grew_less(kib, ROUNDS * 60)  # what arenas still grow; a receiver has some hundred
        probe.wait_heard()


if __name__ == "__main__":
    main()
