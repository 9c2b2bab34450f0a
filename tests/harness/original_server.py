# SPDX-License-Identifier: GPL-3.0-or-later
"""A config server that speaks the original Matriz' protocol and nothing else, for our node to register with.

It knows none of our extensions: no versions, no rooms, no list outside the messages that the original sent. It runs in a
thread of its own; the methods may be called from any other.
"""
import asyncio
import json
import threading

import websockets

PORT_CHECK_SECONDS = 5


class OriginalServer:
    def __init__(self, port, keys, tls=None):
        """`keys`: {key: name in the server's config}. As in the original, a node may call itself anything. `tls`: an
        ssl.SSLContext for wss."""
        self.port = port
        self.keys = keys
        self.tls = tls
        self.received = []  # (name, object), everything that came, in order
        self.refused = 0
        self._clients = {}  # websocket -> entry of the client list
        self._override = None
        self._loop = asyncio.new_event_loop()
        self._listener = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/config" if self.tls is None else f"wss://localhost:{self.port}/config"

    def start(self):
        self._thread.start()
        self._call(self._listen())
        return self

    def stop(self):
        if self._thread.is_alive():
            self._call(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def names(self):
        return sorted(entry["name"] for entry in list(self._clients.values()))

    def push(self, clients, message="a list"):
        """Sends everyone this client list, whoever is really connected, and keeps to it from now on."""
        self._override = clients
        self._call(self._broadcast({"message": message, "name": "", "clients": clients}))

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(15)

    async def _listen(self):
        self._listener = await websockets.serve(self._serve, "127.0.0.1", self.port, ping_interval=None,
                                                ssl=self.tls)

    async def _close(self):
        self._listener.close()
        await self._listener.wait_closed()

    def _list(self):
        return self._override if self._override is not None else list(self._clients.values())

    @staticmethod
    def _decode(text):
        message = json.loads(text)
        return json.loads(message) if isinstance(message, str) else message  # some send JSON inside a JSON string

    @staticmethod
    async def _port_open(ip, port):
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(ip, port), PORT_CHECK_SECONDS)
            writer.close()
            return True, f"Port {port} at {ip} is open"
        except (OSError, asyncio.TimeoutError) as error:
            return False, str(error) or "timed out"

    async def _broadcast(self, message, but=None):
        for client in list(self._clients):
            if client is not but:
                try:
                    await client.send(json.dumps(message))
                except websockets.ConnectionClosed:
                    pass  # its own handler notices

    async def _serve(self, client, path):
        first = self._decode(await client.recv())
        self.received.append((first.get("name"), first))
        if path != "/config" or "register" not in first or first.get("key") not in self.keys:
            self.refused += 1
            return
        ip = client.remote_address[0]
        name, port = first["name"], first["port"]
        stream, message = await self._port_open(ip, port)
        self._clients[client] = {"ip": ip, "stream": stream, "name": name, "port": port}
        clients = self._list()
        await client.send(json.dumps({"name": name, "ip": ip, "port": port, "stream": stream, "message": message,
                                      "clients": clients, "n_clients": len(clients)}))
        await self._broadcast({"message": f"[{name}] connected to config server", "name": name,
                               "clients": clients}, but=client)
        try:
            await self._converse(client, name)
        except websockets.ConnectionClosed:
            pass
        finally:
            del self._clients[client]
            await self._broadcast({"message": f"[{name}] disconnected from config server", "name": name,
                                   "clients": self._list()})

    async def _converse(self, client, name):
        async for text in client:
            message = self._decode(text)
            self.received.append((name, message))
            if "deregister" in message:
                return
            if message.get("refresh") is True:
                await self._broadcast(message)
            else:
                await self._broadcast({**message, "name": name, "clients": self._list()}, but=client)
