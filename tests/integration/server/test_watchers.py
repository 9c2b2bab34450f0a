# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitors and viewers on links that take less than there is to tell."""
import json
import resource
import socket

from harness.case import main
from server_case import MONITOR_KEY, RawClient, ServerCase
from talk import heard_meanwhile, next_message, next_text, read_until

ROOMS = 600
FINGERPRINT = ":".join(["AB"] * 32)


class WatchersTest(ServerCase):
    watchdog_seconds = 110

    def raw(self, server):
        client = RawClient(server.port)
        self.addCleanup(client.close)
        return client

    def slow(self, server, buffer=4096):
        """For which the kernel keeps next to nothing, as on a link that is slow."""
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        link.settimeout(20)
        link.connect(("127.0.0.1", server.port))
        self.addCleanup(link.close)
        return RawClient.over(link)

    def test_a_slow_monitor_of_many_rooms(self):
        """It is told of all rooms that are there when it comes, and of what happened meanwhile, however slowly it reads."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        rooms = [f"room {i} {'of many ' * 6}" for i in range(ROOMS)]
        names = [f"node {i} {'x' * 40}" for i in range(ROOMS)]
        server = self.serve(*names, "flood", "late", rooms=[{"name": room} for room in rooms],
                            max_connections_per_address=2 * ROOMS, max_messages_per_second=10000,
                            max_relayed_bytes_per_second=2 ** 30)
        for name, room in zip(names, rooms):
            self.raw(server).register(name, room=room, fingerprint=FINGERPRINT)
        flood = self.raw(server)
        flood.register("flood", room=rooms[0])
        monitor = self.slow(server)
        monitor.text({"register": "", "name": "monitor", "key": MONITOR_KEY})
        heard_meanwhile(flood)
        for _ in range(1000):
            flood.text({"refresh": True})
        heard_meanwhile(flood)
        self.raw(server).register("late", room=rooms[-1])
        told = {}
        while len(told) < ROOMS or len(told[rooms[-1]]) < 2:
            message = next_message(monitor)
            if "info" in message:
                told[message["room"]] = [c["name"] for c in message["clients"]]
        self.assertEqual(told[rooms[1]], [names[1]])
        self.assertEqual(told[rooms[-1]], [names[-1], "late"])
        flood.text({"deregister": ""})
        left, _ = read_until(monitor, lambda m: m.get("room") == rooms[0] and len(m["clients"]) == 1)
        self.assertEqual(left["message"], "[flood] disconnected")

    def test_a_watcher_that_is_too_slow_gets_fewer_pictures(self):
        """It stays, though a second picture of this size would not fit into its queue beside the first."""
        nodes = 40
        names = [f"node {i} {'x' * 50}" for i in range(nodes)]
        server = self.serve(*names, max_queue_bytes=300000)
        clients = [self.raw(server) for _ in names]
        for client, name in zip(clients, names):
            client.register(name)
        for client, own in zip(clients, names):
            client.text({"report": [{"peer": peer, "delay_ms": 10.123456789, "loss": 0.1, "jitter_ms": 1 / 3, "level_db": -20.1}
                                    for peer in names if peer != own]})
        monitor, other = self.slow(server), self.raw(server)
        for watcher in (monitor, other):
            watcher.text({"register": "", "name": "monitor", "key": MONITOR_KEY, "status": True})

        def complete(message):
            status = message.get("status")  # the welcome has a word there
            return isinstance(status, dict) and len(status["links"]) == nodes * (nodes - 1)
        text = b""
        for _ in range(5):  # the slow one reads nothing meanwhile
            text = next_text(other)
            while not complete(json.loads(text)):
                text = next_text(other)
        self.assertIn(b'"loss":0.1,', text)
        self.assertIn(b'"delay_ms":10.1235,', text)
        self.assertIn(b'"jitter_ms":0.333333,', text)
        read_until(monitor, complete)
        read_until(monitor, complete)


if __name__ == "__main__":
    main()
