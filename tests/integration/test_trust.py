# SPDX-License-Identifier: GPL-3.0-or-later
"""`trust` pinned: the first certificate of a peer is remembered, another one refused until a person accepts it."""
import json
import os
import shutil
import stat

from harness.case import main
from harness.original_client import OriginalClient
from harness.programs import program, run
from harness.wait import wait_for
from mesh_case import MeshCase


class PinnedTest(MeshCase):
    def ctl(self, node, *words):
        return run([program("matrizctl"), "trust", "--control", f"127.0.0.1:{node.control_port}", *words])

    def known(self, node):
        """{name: fingerprint}, empty as long as there is nothing."""
        try:
            with open(os.path.join(node.state_folder, "known_peers.json"), encoding="utf-8") as text:
                return json.load(text)["known_peers"]
        except FileNotFoundError:
            return {}

    def pin(self, node, name):
        """The fingerprint that the node remembers for that name, once it does."""
        return wait_for(lambda: self.known(node).get(name), 10, f"{node.name} to remember {name}")

    def test_another_certificate_is_refused_until_accepted(self):
        jack = self.stage.jack()
        server = self.make_server(("porto", "lisboa")).start()
        porto = self.stage.node("porto", jack, server.url, trust="pinned").start()
        lisboa = self.stage.node("lisboa", jack, server.url).start()
        for node in (porto, lisboa):
            jack.wait_ports(node.send_port())
        probe = self.probe_all(jack, (porto, lisboa))
        first = self.pin(porto, "lisboa")
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(porto.state_folder, "known_peers.json")).st_mode), 0o600)
        self.assertEqual(self.ctl(porto).stdout, f"lisboa  {first}\n")
        self.assertEqual(self.ctl(porto, "lisboa").returncode, 1, "nothing to accept")

        # Somebody else with lisboa's key: all that the server checks.
        lisboa.leave()
        probe.wait_silent(lisboa, porto)
        shutil.rmtree(lisboa.state_folder)
        mark = len(porto.process.log())
        lisboa.start()
        porto.process.wait_log("lisboa is refused: it comes with another certificate than before, .*matrizctl trust", after=mark)
        self.assertEqual(porto.peers()["lisboa"]["state"], "refused")
        self.assertIn("another certificate", porto.peers()["lisboa"]["reason"])
        self.assertEqual(self.known(porto), {"lisboa": first})
        told = json.loads(self.ctl(porto, "--json").stdout)["peers"]
        self.assertTrue(told[0]["refused"])
        self.assertNotEqual(told[0]["offered"], first)
        porto.leave()
        mark = len(porto.process.log())
        porto.start()
        porto.process.wait_log("lisboa is refused: it comes with another certificate", after=mark)

        accepted = self.ctl(porto, "lisboa")
        self.assertEqual((accepted.returncode, accepted.stdout), (0, f"lisboa  {told[0]['offered']}\n"))
        probe.wait_heard((lisboa, porto), (porto, lisboa), timeout=30)
        self.assertEqual(self.known(porto), {"lisboa": told[0]["offered"]})

    def test_nobody_pins_the_absent(self):
        """Somebody says that he is faro, with a certificate that he cannot prove his own."""
        jack = self.stage.jack()
        server = self.make_server(("porto", "lisboa", "faro")).start()
        porto = self.stage.node("porto", jack, server.url, trust="pinned").start()
        impostor = OriginalClient(server.url, "faro", "key-of-faro", port=9)
        impostor.register.update({"matriz": 1, "fingerprint": "AB" * 32})
        self.stage.defer(impostor.stop)
        impostor.start()
        wait_for(lambda: "faro" in porto.peers(), 20, "porto to see the impostor")
        lisboa = self.stage.node("lisboa", jack, server.url).start()
        lisbon = self.pin(porto, "lisboa")
        self.assertEqual(self.known(porto), {"lisboa": lisbon})
        impostor.stop()
        faro = self.stage.node("faro", jack, server.url).start()
        for node in (porto, lisboa, faro):
            jack.wait_ports(node.send_port())
        self.probe_all(jack, (porto, faro))
        self.assertNotIn("AB:AB", self.pin(porto, "faro"))

    def test_a_broken_file_is_said_and_kept(self):
        server = self.make_server(("porto",)).start()
        porto = self.stage.node("porto", None, server.url, trust="pinned")
        os.makedirs(porto.state_folder, exist_ok=True)
        path = os.path.join(porto.state_folder, "known_peers.json")
        with open(path, "w", encoding="utf-8") as out:
            out.write("{")
        porto.start()
        self.assertNotEqual(porto.process.wait_exit(), 0)
        self.assertIn(f"{path}: is not what this node wrote", porto.process.log())
        with open(path, encoding="utf-8") as text:
            self.assertEqual(text.read(), "{")

    def test_without_pins_there_is_nothing_to_accept(self):
        _, _, (porto,) = self.make_mesh("porto")
        self.assertIn("nothing is pinned", self.ctl(porto).stdout)
        refused = self.ctl(porto, "lisboa")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("nothing is pinned", refused.stderr)


if __name__ == "__main__":
    main()
