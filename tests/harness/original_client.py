# SPDX-License-Identifier: GPL-3.0-or-later
"""The original Matriz' side of the websocket, for our config server to serve: node, monitor or web client."""
import asyncio
import json
import threading
import time

import websockets

from .wait import PATIENCE, Event, wait_for


class OriginalClient:
    """Connects, sends one register message, keeps all that arrives in `messages`."""

    def __init__(self, url, name, key, port=8554, escaped=False, space=None):
        """`escaped`: send each message inside a JSON string, as some original clients do. `space`: the network
        namespace it lives in, if not this one."""
        self.url = url
        self.name = name
        self.register = {"register": "", "name": name, "key": key, "port": port}
        self.escaped = escaped
        self.messages = []
        self.arrivals = []  # time.monotonic() of each message
        self.closed = Event()
        self._socket = None
        self._loop = asyncio.new_event_loop()
        self._space = space
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        if self._space:
            self._space.enter()
        self._loop.run_forever()

    def start(self):
        self._thread.start()
        self._call(self._connect())
        return self

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(15 * PATIENCE)

    async def _connect(self):
        # The original sends no pings of its own; its library answers those of the server.
        self._socket = await websockets.connect(self.url, ping_interval=None, open_timeout=10 * PATIENCE)
        await self._socket.send(self._encode(self.register))
        self._loop.create_task(self._listen())

    def _encode(self, message):
        text = json.dumps(message)
        return json.dumps(text) if self.escaped else text

    async def _listen(self):
        try:
            async for text in self._socket:
                self.arrivals.append(time.monotonic())
                self.messages.append(json.loads(text))
        except websockets.ConnectionClosed:
            pass
        self.closed.set()

    def send(self, message):
        self._call(self._socket.send(self._encode(message)))

    def deregister(self):
        self.send({"deregister": "", "name": self.name})

    def stop(self):
        """Closes the socket, if it is still open, and ends the thread."""
        if self._thread.is_alive():
            if self._socket:
                self._call(self._socket.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def wait_message(self, fits, what, timeout=10):
        """The first message, among those that came and will come, for which fits(message) is true."""
        return wait_for(lambda: next((m for m in list(self.messages) if fits(m)), None), timeout, what)

    def arrival_of(self, message):
        """time.monotonic() when this message, one of `messages`, came."""
        return self.arrivals[next(i for i, m in enumerate(self.messages) if m is message)]

    def names(self):
        """The names of the newest client list."""
        lists = [m["clients"] for m in list(self.messages) if "clients" in m]
        return sorted(c["name"] for c in lists[-1]) if lists else []
