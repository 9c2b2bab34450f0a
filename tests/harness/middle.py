# SPDX-License-Identifier: GPL-3.0-or-later
"""A man in the middle: sits between nodes and their config server, sees, changes, holds back, repeats and makes up what
they say. A thread of its own; the methods may be called from any other."""
import asyncio
import json
import threading

import websockets

from .programs import Here


class Middle:
    """Nodes connect to url_at(); each connection goes on to `upstream`.

    `alter(way, name, message)` with way "up" (from the node) or "down" (to it) returns the message to pass on, changed
    or not, or None to swallow it. It runs on the proxy's thread. `name`: what the node calls itself.
    """

    def __init__(self, port, upstream, host=None, alter=None):
        self.port = port
        self.upstream = upstream
        self.alter = alter or (lambda way, name, message: message)
        self.seen = []  # (way, name, message) as they came, before anything was changed
        self._host = host or Here
        self._links = {}  # name → (websocket of the node, websocket to the server or None)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._listener = None

    def _run(self):
        if self._host is not Here:
            self._host.enter()
        self._loop.run_forever()

    def url_at(self, address):
        return f"ws://{address}:{self.port}/config"

    def start(self):
        self._thread.start()
        self._call(self._listen())
        return self

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(15)

    async def _listen(self):
        self._listener = await websockets.serve(self._serve, "0.0.0.0", self.port, ping_interval=None)

    def stop(self):
        if self._thread.is_alive():
            self._call(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _close(self):
        self._listener.close()
        await self._listener.wait_closed()

    async def _serve(self, node, _path):
        first = json.loads(await node.recv())
        name = first.get("name")
        self.seen.append(("up", name, first))
        first = self.alter("up", name, first)
        if self.upstream is None:
            self._links[name] = (node, None)
            if first is not None:
                await node.send(json.dumps(first))  # with no server behind us, alter() makes the answers
            await self._pump(node, None, "up", name)
            return
        async with websockets.connect(self.upstream, ping_interval=None) as server:
            self._links[name] = (node, server)
            await server.send(json.dumps(first))
            await asyncio.wait([asyncio.ensure_future(self._pump(node, server, "up", name)),
                                asyncio.ensure_future(self._pump(server, node, "down", name))],
                               return_when=asyncio.FIRST_COMPLETED)
            await node.close()

    async def _pump(self, source, target, way, name):
        try:
            async for text in source:
                message = json.loads(text)
                self.seen.append((way, name, message))
                message = self.alter(way, name, message)
                if message is not None and target is not None:
                    await target.send(json.dumps(message))
        except websockets.ConnectionClosed:
            pass

    def to_node(self, name, message):
        """Makes up a message of the server's. From any thread but ours."""
        self._call(self._links[name][0].send(json.dumps(message)))

    def to_server(self, name, message):
        """Makes up a message of that node's. From any thread but ours."""
        self._call(self._links[name][1].send(json.dumps(message)))

    def post(self, name, message):
        """to_node() from within alter(), of this or another middle; lost when that node is not here."""
        if name in self._links:
            asyncio.run_coroutine_threadsafe(self._links[name][0].send(json.dumps(message)), self._loop)

    def signals(self, way, name, kind=None):
        """The bodies of the signals that came from (up) or for (down) that node."""
        bodies = [m["signal"] for w, n, m in list(self.seen) if w == way and n == name and "signal" in m]
        return [b for b in bodies if kind is None or (isinstance(b, dict) and kind in b)]

    def newest_list(self, name):
        """The last message with a client list that the server sent to that node; None if there was none."""
        return next((m for w, n, m in reversed(list(self.seen)) if w == "down" and n == name and "clients" in m), None)
