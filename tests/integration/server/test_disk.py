# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that takes long: it is waited for by those who asked for a change, and by nobody else."""
import fcntl
import json
import os
import select
import signal

from harness.case import main
from harness.programs import BUILD
from harness.wait import wait_for
from server_case import MONITOR_KEY, ServerCase, connect

ROUTES = "/rooms/default/routes"


class Disk:
    """What the server writes to; see disk_gate.cpp."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "disk.gate")
        self.gate = open(self.path, "wb")
        self.env = {"LD_PRELOAD": os.path.join(BUILD, "tests", "integration", "server", "libdisk_gate.so"),
                    "MATRIZ_DISK_GATE": self.path}

    def hang(self):
        fcntl.flock(self.gate, fcntl.LOCK_EX)

    def go_on(self):
        fcntl.flock(self.gate, fcntl.LOCK_UN)

    def close(self):
        self.gate.close()


class DiskTest(ServerCase):
    may_die = True

    def setUp(self):
        super().setUp()
        self.server = self.serve("porto", "lisboa", start=False, register_timeout_s=120)
        self.disk = Disk(self.server.folder)
        self.stage.defer(self.disk.close)
        self.server.env = self.disk.env
        self.server.start()
        self.put({"porto": []}).read_answer()
        self.porto = self.join(self.server, "porto")
        self.disk.hang()

    def waiting(self):
        metrics = self.http(self.server, "GET", "/metrics")[1]
        return int(next(line for line in metrics.splitlines() if line.startswith("matriz_server_store_waiting ")).split()[1])

    def ask(self, method, path, body):
        asked = Asked(self, method, path, body)
        self.stage.defer(asked.link.close)
        return asked

    def put(self, hears):
        return self.ask("PUT", ROUTES, {"hears": hears})

    def wait_for_waiting(self, number):
        wait_for(lambda: self.waiting() == number, 10, f"{number} changes to wait")

    def routes(self):
        return self.http(self.server, "GET", ROUTES, MONITOR_KEY)[1]["hears"]

    def test_it_holds_up_only_who_asked_for_a_change(self):
        asked = [self.put({"porto": ["lisboa"]}), self.ask("POST", "/keys", {"name": "ana"})]
        self.wait_for_waiting(2)
        asked.append(self.ask("DELETE", "/keys/nobody", None))
        self.wait_for_waiting(3)
        self.assertEqual(self.routes(), {"porto": []}, "it holds before it is on the disk")
        self.assertEqual(self.http(self.server, "GET", "/healthz")[0], 200)
        self.assertEqual(self.http(self.server, "GET", "/keys", MONITOR_KEY)[1], {"keys": []})
        lisboa = self.join(self.server, "lisboa")
        lisboa.send({"signal": 1, "to": "porto"})
        self.porto.wait_message(lambda m: m.get("signal") == 1, "a signal")
        said = len(self.server.process.log())
        self.server.process.signal(signal.SIGHUP)
        self.server.process.wait_log("config reloaded", after=said)
        self.assertEqual(select.select([one.link for one in asked], [], [], 0)[0], [], "answered too soon")
        self.disk.go_on()
        self.assertEqual(asked[0].read_answer(), (200, {"hears": {"porto": ["lisboa"]}}))
        code, made = asked[1].read_answer()
        self.assertEqual((code, asked[2].read_answer()[0]), (201, 404))
        self.assertEqual(self.join(self.server, "", made["key"]).messages[0]["name"], "ana")
        self.assertEqual(self.routes(), {"porto": ["lisboa"]})

    def test_the_newest_of_a_room_is_written_and_all_are_answered(self):
        wanted = [{"porto": [f"node {i}"]} for i in range(5)]
        asked = []
        for number, hears in enumerate(wanted):
            asked.append(self.put(hears))
            self.wait_for_waiting(number + 1)
        self.disk.go_on()
        for hears, one in zip(wanted, asked):
            self.assertEqual(one.read_answer(), (200, {"hears": hears}))
        self.assertEqual(self.routes(), wanted[-1])
        self.join(self.server, "lisboa")
        self.porto.wait_message(lambda m: m.get("name") == "lisboa", "the next list")
        told = [m for m in list(self.porto.messages) if "who hears whom" in m.get("message", "")]
        self.assertEqual(len(told), 2, "the one that was under way, and the last")

    def test_back_to_what_holds_while_another_waits(self):
        asked = self.put({"porto": ["lisboa"]})
        self.wait_for_waiting(1)
        back = self.put({"porto": []})
        self.wait_for_waiting(2)
        self.disk.go_on()
        self.assertEqual((asked.read_answer()[0], back.read_answer()[0]), (200, 200))
        self.server.kill()
        self.server.start()
        self.assertEqual(self.routes(), {"porto": []})

    def test_what_was_not_answered_was_not_promised(self):
        asked = self.put({"porto": ["lisboa"]})
        self.wait_for_waiting(1)
        self.server.process.signal(signal.SIGKILL)
        self.server.process.wait_exit()
        self.assertEqual(asked.read(), b"")
        self.disk.go_on()
        self.server.start()
        self.assertEqual(self.routes(), {"porto": []})

    def test_a_stop_waits_for_what_was_taken(self):
        self.monitor(self.server).send({"set_routes": {"room": "default", "hears": {"lisboa": []}}})
        self.wait_for_waiting(1)
        self.server.process.signal(signal.SIGTERM)
        self.server.process.wait_log("stopping")
        self.assertTrue(self.porto.closed.wait(10))
        self.assertTrue(self.server.process.running())
        self.disk.go_on()
        self.assertEqual(self.server.process.wait_exit(), 0)
        self.server.start()
        self.assertEqual(self.routes(), {"lisboa": []})


class Asked:
    """A request whose answer is read later."""

    def __init__(self, test, method, path, body):
        data = json.dumps(body).encode() if body is not None else b""
        self.link = connect(test.server.port)
        self.link.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {MONITOR_KEY}\r\n"
                          f"Content-Length: {len(data)}\r\n\r\n".encode() + data)

    def read(self):
        answer = b""
        try:
            while more := self.link.recv(65536):
                answer += more
        except ConnectionResetError:
            pass
        return answer

    def read_answer(self):
        """(status, what the body says)"""
        head, _, body = self.read().partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


if __name__ == "__main__":
    main()
