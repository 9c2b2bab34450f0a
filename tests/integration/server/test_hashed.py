# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of which the server has only the hash: many at once, and one for several names."""
import hashlib
import os
import random
import re
import select

from harness.case import main
from harness.programs import http_get, program, run
from harness.wait import wait_for
from server_case import RawClient, ServerCase, frame

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
NODES = 200


def hash_of(key, log2_n):
    salt = os.urandom(16)
    made = hashlib.scrypt(key.encode(), salt=salt, n=1 << log2_n, r=8, p=1, dklen=32, maxmem=2 ** 27)
    ours = re.fullmatch(f"([{ALPHABET}]{{8}})-[{ALPHABET}]{{32}}", key)
    return f"scrypt:{ours.group(1) if ours else ''}:{log2_n}:8:1:{salt.hex()}:{made.hex()}"


def random_key():
    return "-".join("".join(random.SystemRandom().choices(ALPHABET, k=size)) for size in (8, 32))


class HashedTest(ServerCase):
    watchdog_seconds = 110

    def nodes(self, server):
        code, text = http_get(f"http://127.0.0.1:{server.port}/metrics")
        self.assertEqual(code, 200)
        return int(re.search(r"(?m)^matriz_server_nodes (\d+)$", text).group(1))

    def test_all_are_back_soon_after_a_restart(self):
        """As soon as the goal for a crash says, though each key must be hashed anew."""
        told = run([program("matriz-configserver"), "--new-key", "x"])
        log2_n = int(re.search(r"scrypt:\w+:(\d+):8:1:", told.stdout).group(1))
        keys = {f"node{i}": random_key() for i in range(NODES)}
        rooms = [f"room{i}" for i in range(NODES // 8)]
        server = self.serve(start=False, max_connections_per_address=2 * NODES, rooms=[{"name": room} for room in rooms])
        server.config["client_keys"] = [{"name": n, "key_hash": hash_of(k, log2_n)} for n, k in keys.items()]

        def come(server):
            clients = []
            for i, (name, key) in enumerate(keys.items()):
                clients.append(RawClient(server.port))
                self.addCleanup(clients[-1].close)
                clients[-1].text({"register": "", "name": name, "key": key, "port": 0, "matriz": 1,
                                  "room": rooms[i // 8]})
            return clients

        def all_there(clients):
            for client in (c for c in clients if select.select([c.socket], [], [], 0)[0]):
                opcode, payload = client.read_frame()
                if opcode == 9:
                    client.send(frame(10, payload))
            return self.nodes(server) == NODES
        server.start()
        before = come(server)
        wait_for(lambda: all_there(before), 60, "all to come")
        server.kill()
        for client in before:
            self.assertTrue(client.ended())
        server.start()
        back = come(server)
        wait_for(lambda: all_there(back), 5, "all to be back")

    def test_one_key_for_several_names(self):
        made, own = random_key(), "of my own choice"
        server = self.serve(start=False)
        server.config["client_keys"] = [{"name": name, "key_hash": hash_of(key, 10)} for name, key in
                                        [(f"made{i}", made) for i in range(6)] + [(f"own{i}", own) for i in range(6)]]
        server.start()
        for _ in range(2):
            for i in range(6):
                for name, key in ((f"made{i}", made), (f"own{i}", own)):
                    client = RawClient(server.port)
                    self.addCleanup(client.close)
                    self.assertEqual(client.register(name, key).get("name"), name)
        wrong = RawClient(server.port)
        self.addCleanup(wrong.close)
        self.assertEqual(wrong.register("made1", own)["error"], "name")


if __name__ == "__main__":
    main()
