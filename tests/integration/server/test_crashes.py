# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at random moments under load: what was answered with success is there, and everyone comes back by themselves."""
import asyncio
import dataclasses
import itertools
import json
import os
import random
import signal
import sqlite3
import threading
import time
import typing

import websockets

from harness.case import main
from harness.wait import PATIENCE, Event, wait_for
from server_case import MONITOR_KEY, ServerCase, key_of

ROUNDS = int(os.environ.get("MATRIZ_CRASHES", "12"))
NAMES = [f"node{i}" for i in range(16)]
FIRST_WAIT = 0.5  # seconds: the back-off of node/control/session.hpp
# With sanitizers the server takes so long to start that the back-off would be what is measured.
LONGEST_WAIT = 30 if PATIENCE <= 1 else 2
BACK_WITHIN = 5  # seconds from the server's listening until a node is in the list again


class Crowd:
    """Nodes that play on and come back, each with the node's own back-off: a wait between nothing and a ceiling that
    doubles with each attempt. Between two crashes of life a node is there for longer than the 10 s after which it starts
    anew; here that is as soon as it is back. Meanwhile they report, signal one another and talk, ten times as much as in life."""

    def __init__(self, url, seed):
        self.url = url
        self.back = {}  # name: time.monotonic() of the last reply to its register
        self.chance = random.Random(seed)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self):
        self.thread.start()
        for name in NAMES:
            asyncio.run_coroutine_threadsafe(self._live(name), self.loop)

    def stop(self):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(10 * PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    async def _end(self):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _live(self, name):
        ceiling = FIRST_WAIT
        while True:
            try:
                async with websockets.connect(self.url, ping_interval=None, close_timeout=0.1) as link:
                    await link.send(json.dumps({"register": "", "name": name, "key": key_of(name), "port": 0, "matriz": 1}))
                    while "n_clients" not in json.loads(await link.recv()):
                        pass
                    self.back[name] = time.monotonic()
                    ceiling = FIRST_WAIT
                    talking = asyncio.ensure_future(self._talk(link, name))
                    try:
                        async for _ in link:
                            pass
                    finally:
                        talking.cancel()
            except (OSError, EOFError, asyncio.TimeoutError, websockets.WebSocketException):
                pass
            await asyncio.sleep(self.chance.uniform(0, ceiling))
            ceiling = min(2 * ceiling, LONGEST_WAIT)

    async def _talk(self, link, name):
        try:
            for number in itertools.count():
                other = self.chance.choice(NAMES)
                await link.send(json.dumps({"report": [{"peer": other, "delay_ms": 7.5, "loss": 0.01}]}))
                await link.send(json.dumps({"signal": {"candidate": "x" * 200}, "to": other}))
                if number % 10 == 0:
                    await link.send(json.dumps({"gain": number}))
                await asyncio.sleep(0.1)
        except websockets.ConnectionClosed:
            pass


class Writer(threading.Thread):
    """Calls write(step) until the server is no more. `first`: it has been answered once. `trouble`: anything else went wrong."""

    def __init__(self, write):
        super().__init__(daemon=True)
        self.write = write
        self.first = Event()
        self.trouble = None

    def run(self):
        step = 0
        try:
            while True:
                self.write(step)
                self.first.set()
                step += 1
        except (ConnectionError, IndexError, TypeError, ValueError):  # no answer, or a part of one
            pass
        except BaseException as error:  # pylint: disable=broad-except  # told by the test
            self.trouble = error
        self.first.set()


@dataclasses.dataclass
class Change:
    """One of the routes: what was asked for, and time.monotonic() of when, and of the answer."""
    hears: dict
    asked: float
    answered: typing.Optional[float] = None


class CrashTest(ServerCase):
    may_die = True
    watchdog_seconds = 60 + 15 * ROUNDS

    def setUp(self):
        super().setUp()
        self.server = self.serve(*NAMES, max_changes_per_second=10_000)  # as many as the disk takes
        self.crowd = Crowd(self.server.url, 3)
        self.stage.defer(self.crowd.stop)
        self.crowd.start()
        self.changes = [Change({}, 0, 0)]  # of the routes, since the server started
        self.keys = {}  # answered with success, by name

    def listed(self):
        """Who is in the list, as a monitor sees it."""
        code, status = self.http(self.server, "GET", "/rooms/default/status", MONITOR_KEY)
        self.assertEqual(code, 200)
        return sorted(client["name"] for client in status["clients"])

    def set_routes(self, number, step):
        change = Change({f"n{number}-{step}": ["porto"]}, time.monotonic())
        self.changes.append(change)
        code, answer = self.http(self.server, "PUT", "/rooms/default/routes", MONITOR_KEY, {"hears": change.hears})
        self.assertEqual(code, 200, answer)
        change.answered = time.monotonic()

    def possible_routes(self):
        """What may hold after a crash: nothing that was answered before something was asked for that was answered, too."""
        latest = max(change.asked for change in self.changes if change.answered is not None)
        return [change.hears for change in self.changes if change.answered is None or change.answered >= latest]

    def make_key(self, number, step):
        code, made = self.http(self.server, "POST", "/keys", MONITOR_KEY, {"name": f"k{number}-{step}"})
        self.assertEqual(code, 201, made)
        self.keys[made["name"]] = made["key"]

    def crash(self, number, chance):
        """Kills the server while three write to it, two of them to the same room; the clock starts when some or all of
        them were answered. Returns time.monotonic() of the end."""
        writers = [Writer(lambda step: self.set_routes(number, f"a{step}")),
                   Writer(lambda step: self.set_routes(number, f"b{step}")),
                   Writer(lambda step: self.make_key(number, step))]
        for writer in writers:
            writer.start()
        for writer in writers[number % 3:]:
            self.assertTrue(writer.first.wait(20), "no answer")
        time.sleep(chance.uniform(0, 0.25))
        killed = time.monotonic()
        self.server.process.signal(signal.SIGKILL)
        self.server.process.wait_exit()
        for writer in writers:
            writer.join()
            self.assertIsNone(writer.trouble)
        return killed

    def test_nothing_acknowledged_is_lost(self):
        chance = random.Random(7)
        slowest = changes = 0
        # Whoever reads its first reply only after the crash would be taken for back.
        wait_for(lambda: len(self.crowd.back) == len(NAMES), 20, "everyone to have its reply")
        self.assertEqual(self.listed(), sorted(NAMES))
        for number in range(ROUNDS):
            killed = self.crash(number, chance)
            self.server.start()
            listening = time.monotonic()
            _, now = self.http(self.server, "GET", "/rooms/default/routes", MONITOR_KEY)
            self.assertIn(now["hears"] or {}, self.possible_routes(), f"round {number}")
            changes += len(self.changes) - 1
            self.changes = [Change(now["hears"] or {}, 0, 0)]
            wait_for(lambda: all(self.crowd.back[name] > killed for name in NAMES),  # pylint: disable=cell-var-from-loop
                     2 * BACK_WITHIN, "everyone to be back")
            taken = max(self.crowd.back.values()) - listening
            self.assertLess(taken, BACK_WITHIN * PATIENCE, f"round {number}")
            self.assertEqual(self.listed(), sorted(NAMES), f"round {number}")
            slowest = max(slowest, taken)
        self.check_keys(chance)
        print(f"# {ROUNDS} crashes, {changes} changes of routes, {len(self.keys)} keys, the last one back after {slowest:.1f} s at most", flush=True)

    def check_keys(self, chance):
        self.assertGreaterEqual(len(self.keys), ROUNDS // 2)
        for name, key in chance.sample(sorted(self.keys.items()), min(20, len(self.keys))):
            client = self.join(self.server, "", key)
            self.assertEqual(client.messages[0].get("name"), name, client.messages[0])
        self.server.stop()
        with sqlite3.connect(os.path.join(self.server.folder, "clients.sqlite")) as store:
            stored = {name for name, in store.execute("SELECT name FROM keys")}
        store.close()
        self.assertEqual(set(self.keys) - stored, set())


if __name__ == "__main__":
    main()
