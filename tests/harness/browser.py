# SPDX-License-Identifier: GPL-3.0-or-later
"""Headless Chromium on a host of a network, told what to do by the DevTools protocol."""
import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import threading

import websockets

from .process import Process
from .programs import Here
from .wait import wait_for

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--remote-debugging-port=0",
)


def why_not():
    return None if shutil.which("chromium") else "chromium is not installed"


class Browser:
    """One page in a browser of its own. `host`: where it runs; here, if not given. `hide`: as browsers do by themselves, it
    tells others names of mDNS instead of the addresses of this machine's interfaces."""

    def __init__(self, folder, page, host=None, hide=False):
        self._flags = [*FLAGS, *([] if hide else ["--disable-features=WebRtcHideLocalIpsWithMdns"])]
        self._host = host or Here
        self._home = os.path.join(folder, "chromium.home")
        self._page = page
        self.process = None
        self._log = os.path.join(folder, "chromium.log")
        self._folder = folder
        self._number = 0
        self._waiting = {}
        self._socket = None
        self.console = []  # what the page and its errors said
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self):
        self.process = Process("chromium", self._host.on(["chromium", *self._flags, f"--user-data-dir={self._home}", f"file://{self._page}"]),
                               self._log, cwd=self._folder, env={"HOME": self._folder})
        port = wait_for(self._debugging_port, 30, "chromium to start")
        self._thread.start()
        target = wait_for(lambda: self._first_page(port), 30, "chromium's page")
        self._call(self._connect(port, target))
        self.command("Runtime.enable")
        # Before it there is an empty page, which is complete, too.
        wait_for(lambda: self.evaluate("location.protocol + document.readyState") == "file:complete", 20, "the page to load")
        return self

    def _debugging_port(self):
        with open(os.path.join(self._home, "DevToolsActivePort"), encoding="ascii") as told:
            lines = told.read().split()
        return int(lines[0]) if len(lines) == 2 else None

    def _first_page(self, port):
        from .programs import http_get  # pylint: disable=import-outside-toplevel
        _, body = self._host.call(http_get, f"http://127.0.0.1:{port}/json/list")
        return next((t["webSocketDebuggerUrl"] for t in json.loads(body) if t["type"] == "page"), None)

    def _call(self, coroutine, timeout=30):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    async def _connect(self, port, url):
        link = self._host.call(socket.create_connection, ("127.0.0.1", port))
        self._socket = await websockets.connect(url, sock=link, max_size=None, ping_interval=None)
        self._loop.create_task(self._listen())

    async def _listen(self):
        try:
            async for text in self._socket:
                message = json.loads(text)
                if "id" in message:
                    self._waiting.pop(message["id"]).set_result(message)
                elif message["method"] == "Runtime.consoleAPICalled":
                    self.console.append(" ".join(str(a.get("value", a.get("description"))) for a in message["params"]["args"]))
                elif message["method"] == "Runtime.exceptionThrown":
                    self.console.append(json.dumps(message["params"]["exceptionDetails"])[:1000])
        except websockets.ConnectionClosed:
            pass

    async def _command(self, method, params):
        self._number += 1
        answer = self._waiting[self._number] = self._loop.create_future()
        await self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        return await answer

    def command(self, method, **params):
        answer = self._call(self._command(method, params))
        if "error" in answer:
            raise ValueError(f"{method}: {answer['error']}")
        return answer["result"]

    def evaluate(self, expression):
        """The value of a JavaScript expression; that of its promise, if it is one."""
        result = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise ValueError(f"{expression}: {json.dumps(result['exceptionDetails'])[:1000]}")
        return result["result"].get("value")

    def stop(self):
        if self._thread.is_alive():
            if self._socket:
                self._call(self._socket.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        if self.process:
            self.process.stop()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # its helpers: they would take a moment
