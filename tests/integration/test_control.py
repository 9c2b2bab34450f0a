# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's link to the config server, against real websocket servers: plain and TLS, healthy, broken and silent."""
import asyncio
import http
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading

import websockets

from harness.case import StageCase, main
from harness.certificates import Authority
from harness.process import Process
from harness.programs import program
from harness.wait import wait_for

# A server of the original protocol as a process of its own, for a test to stop and kill.
SERVE = textwrap.dedent("""
    import sys, threading
    from harness.original_server import OriginalServer
    server = OriginalServer(int(sys.argv[1]), {"k": "porto"})
    server.start()
    print("listening", flush=True)
    threading.Event().wait()
""")


class Server:
    """A websocket server whose conversations `converse(socket, path)` a test writes itself."""

    def __init__(self, port, converse, **options):
        self.port = port
        self.connections = 0
        self._converse = converse
        self._options = options
        self._listener = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/config"

    def start(self):
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(15)
        return self

    async def _listen(self):
        self._listener = await websockets.serve(self._serve, "127.0.0.1", self.port, ping_interval=None,
                                                **self._options)

    async def _close(self):
        self._listener.close()
        await self._listener.wait_closed()

    async def _serve(self, client, path):
        self.connections += 1
        try:
            await self._converse(client, path)
        except websockets.ConnectionClosed:
            pass  # the node ended with the test

    def stop(self):
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(15)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class ControlCase(StageCase):
    def probe(self, url, *files, name="porto", key="k"):
        """The program under test; self.type() writes to its console."""
        process = Process("control", [program("control_probe"), url, name, key, *files],
                          os.path.join(self.stage.folder, f"control{self.stage.block.take()}.log"),
                          stdin=subprocess.PIPE)
        self.stage.defer(process.stop)
        return process

    @staticmethod
    def type(process, line):
        process.popen.stdin.write(f"{line}\n".encode())
        process.popen.stdin.flush()

    def serve(self, converse, **options):
        server = Server(self.stage.block.take(), converse, **options)
        self.stage.defer(server.stop)
        return server.start()

    def serve_in_a_process(self, port):
        process = self.stage.process(f"server{port}", [sys.executable, "-c", SERVE, str(port)])
        process.wait_log("listening")
        return process


class SessionTest(ControlCase):
    def test_registers_and_follows_the_list(self):
        server = self.stage.original_server({"k": "porto", "k2": "lisboa"})
        probe = self.probe(server.url)
        probe.wait_log("list: porto as porto")
        self.assertEqual(server.received[0][1],
                         {"register": "", "name": "porto", "key": "k", "port": 8554, "matriz": 1})
        lisboa = self.stage.original_client(server.url, "lisboa", "k2", port=1)
        probe.wait_log("list: porto lisboa as porto")
        lisboa.deregister()
        probe.wait_log("list: porto as porto", after=probe.log().index("porto lisboa"))

    def test_end_says_goodbye(self):
        server = self.stage.original_server({"k": "porto"})
        probe = self.probe(server.url)
        probe.wait_log("list: porto")
        self.type(probe, "end")
        self.assertEqual(probe.wait_exit(), 0)
        wait_for(lambda: ("porto", {"deregister": ""}) in server.received, 5, "the goodbye")

    def test_end_without_a_server(self):
        probe = self.probe(f"ws://127.0.0.1:{self.stage.block.take()}/config")
        probe.wait_log("refused the connection; does the config server run there")
        self.type(probe, "end")
        self.assertEqual(probe.wait_exit(), 0)

    def test_deregister_and_register(self):
        server = self.stage.original_server({"k": "porto"})
        probe = self.probe(server.url)
        probe.wait_log("list: porto as porto")
        self.type(probe, "deregister")
        probe.wait_log("list: as porto")
        wait_for(lambda: server.names() == [], 5, "the server to forget it")
        before = len(probe.log())
        self.type(probe, "register")
        probe.wait_log("list: porto as porto", after=before)

    def test_server_crashes_and_comes_back(self):
        port = self.stage.block.take()
        first = self.serve_in_a_process(port)
        probe = self.probe(f"ws://127.0.0.1:{port}/config")
        probe.wait_log("list: porto as porto")
        first.kill()
        probe.wait_log("playing on with the last list")
        self.assertNotIn("list: as", probe.log())
        before = len(probe.log())
        second = self.stage.process("again", [sys.executable, "-c", SERVE, str(port)])
        second.wait_log("listening")
        probe.wait_log("list: porto as porto", 35, after=before)

    def test_a_restarted_server_silences_nobody(self):
        server = self.stage.original_server({"k": "porto", "k2": "lisboa"})
        probe = self.probe(server.url)
        probe.wait_log("list: porto as porto")
        self.stage.original_client(server.url, "lisboa", "k2", port=1)
        probe.wait_log("list: porto lisboa as porto")
        server.stop()
        probe.wait_log("playing on with the last list")
        before = len(probe.log())
        again = self.serve_in_a_process(server.port)
        probe.wait_log("registered as porto", 35, after=before)
        # The new server knows porto alone; lisboa has not come back to it.
        probe.wait_log("list: porto lisboa as porto", after=before)
        self.assertTrue(again.running())

    def test_many_reconnects_leave_nothing_behind(self):
        async def hang_up(client, _path):
            await client.recv()
            await client.send('{"name":"porto","ip":"127.0.0.1","port":8554,"stream":true,"clients":[]}')
            await client.wait_closed()
        server = self.serve(hang_up)
        probe = self.probe(server.url)
        probe.wait_log("registered as porto")
        for round_ in range(10):
            if round_ == 1:
                descriptors, threads = probe.descriptors(), probe.threads()
            before = len(probe.log())
            self.type(probe, "deregister")
            probe.wait_log("list: as porto", after=before)
            before = len(probe.log())
            self.type(probe, "register")
            probe.wait_log("registered as porto", after=before)
        wait_for(lambda: probe.descriptors() <= descriptors, 10, f"no more than {descriptors} descriptors")
        wait_for(lambda: probe.threads() <= threads + 2, 10, "no more threads but those of GLib's pool")


class SignalTest(ControlCase):
    def test_nodes_reach_one_another_and_know_the_turn_server(self):
        turn = {"urls": ["turn:turn.example.org"], "secret": "s", "ttl": 600}
        server = self.stage.server({"porto": "k", "lisboa": "l"}, extra={"ice_servers": [turn]}).start()
        porto = self.probe(server.url)
        porto.wait_log("list: porto as porto")
        self.assertRegex(porto.wait_log(r"ice: .*")[0], r"ice: turn:turn\.example\.org \d+:porto")
        lisboa = self.probe(server.url, name="lisboa", key="l")
        porto.wait_log(r'signal from lisboa: \{"hello":"lisboa"\}')
        lisboa.wait_log(r'signal from porto: \{"hello":"porto"\}')


class SilenceTest(ControlCase):
    def test_stopped_server_and_hanging_handshake(self):
        # Both together, since each takes its time: a stopped process still accepts TCP, and so does a bare socket.
        port = self.stage.block.take()
        server = self.serve_in_a_process(port)
        probe = self.probe(f"ws://127.0.0.1:{port}/config")
        with socket.create_server(("127.0.0.1", self.stage.block.take())) as deaf:
            hanging = self.probe(f"ws://127.0.0.1:{deaf.getsockname()[1]}/config")
            hanging.wait_log("connecting")
            probe.wait_log("list: porto as porto")
            server.signal(signal.SIGSTOP)
            try:
                probe.wait_log("the server was silent", 30)
                self.assertNotIn("list: as", probe.log())
                hanging.wait_log("did not answer within", 30)
            finally:
                before = len(probe.log())  # it may be back the moment that the server goes on
                server.signal(signal.SIGCONT)
            probe.wait_log("list: porto as porto", 90, after=before)

    def test_pongs_keep_a_quiet_server(self):
        async def stay(client, _path):
            await client.recv()
            await client.send('{"name":"porto","ip":"127.0.0.1","port":8554,"stream":true,"clients":[]}')
            await asyncio.sleep(12)  # longer than the silence that is taken for death
            await client.send('{"message":"still here","name":"","clients":[]}')
            await client.wait_closed()
        server = self.serve(stay)
        probe = self.probe(server.url)
        probe.wait_log("still here", 40)
        self.assertEqual(server.connections, 1)


class RefusalTest(ControlCase):
    def test_wrong_key_is_said_and_no_hot_loop(self):
        server = self.stage.original_server({"other": "porto"})
        probe = self.probe(server.url)
        said = probe.wait_log(r"does it know this node's `key`\? \(next attempt in ([\d.]+) s\)")
        self.assertGreaterEqual(float(said.group(1)), 10)
        self.assertEqual(server.refused, 1)
        self.assertNotIn("\"k\"", probe.log())

    def test_refusal_in_words(self):
        async def refuse(client, _path):
            await client.recv()
            await client.close(1008, "no node has this key")
        probe = self.probe(self.serve(refuse).url)
        said = probe.wait_log(r"the server closed the connection: no node has this key \(next attempt in ([\d.]+) s\)")
        self.assertGreaterEqual(float(said.group(1)), 10)

    def test_restart_is_told_in_the_servers_words(self):
        async def restart(client, _path):
            await client.recv()
            await client.send('{"name":"porto","ip":"127.0.0.1","port":8554,"stream":true,"clients":[]}')
            await client.close(1012, "the server restarts; come back")
        self.probe(self.serve(restart).url).wait_log("the server closed the connection: the server restarts; come back; "
                                                     "playing on")

    def test_wrong_path(self):
        async def never(_client, _path):
            raise AssertionError("the handshake was refused")

        async def not_found(_path, _headers):
            return http.HTTPStatus.NOT_FOUND, [], b"nothing here\n"
        server = self.serve(never, process_request=not_found)
        self.probe(server.url.replace("/config", "/nowhere")).wait_log(
            r"no config server at the path /nowhere \(HTTP 404\)")

    def test_redirects_are_not_followed(self):
        async def never(_client, _path):
            raise AssertionError("the handshake was refused")

        async def elsewhere(_path, _headers):
            return http.HTTPStatus.FOUND, [("Location", "http://127.0.0.1:1/config")], b""
        self.probe(self.serve(never, process_request=elsewhere).url).wait_log("answered HTTP 302")

    def test_unknown_host(self):
        self.probe("ws://nobody.invalid:5000/config").wait_log(
            "no host is known by the name nobody.invalid|nobody.invalid cannot be looked up")

    def test_no_http_at_all(self):
        with socket.create_server(("127.0.0.1", self.stage.block.take())) as rude:
            probe = self.probe(f"ws://127.0.0.1:{rude.getsockname()[1]}/config")
            client, _ = rude.accept()
            client.recv(4096)
            client.sendall(b"220 mail.example ESMTP\r\n")
            client.close()
            probe.wait_log(r"next attempt in")

    def test_hostile_messages(self):
        async def pester(client, _path):
            await client.recv()
            for text in ("", "{", "[1]", '"\\"x\\""', "[" * 100_000, '{"clients":"x"}', '{"clients":[{"port":1e99}]}'):
                await client.send(text)
            await client.send(b"\x00\xff binary")
            await client.send('{"name":"porto","ip":"127.0.0.1","port":8554,"stream":true,"clients":[]}')
            await client.send('{"message":"' + "x" * 300_000 + '"}')
            await client.wait_closed()
        server = self.serve(pester)
        probe = self.probe(server.url)
        probe.wait_log("ignored a message of the server: (JSON nested too deeply|not valid)")
        probe.wait_log("list: as porto")
        probe.wait_log("larger than configured")
        wait_for(lambda: server.connections >= 2, 35, "the next attempt")
        self.assertTrue(probe.running())


class TlsTest(ControlCase):
    def setUp(self):
        super().setUp()
        self.ca = Authority(self.stage.folder, "ca")
        self.other = Authority(self.stage.folder, "other")

    @staticmethod
    def context(pair, client_ca=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
        return context

    def server_with(self, pair, client_ca=None):
        return self.stage.original_server({"k": "porto"}, tls=self.context(pair, client_ca))

    def good_pair(self):
        return self.ca.issue("server", "DNS:localhost")

    def test_ca(self):
        server = self.server_with(self.good_pair())
        self.probe(server.url, self.ca.certificate).wait_log("list: porto as porto")

    def test_ca_by_relative_path_and_by_address(self):
        server = self.server_with(self.ca.issue("server", "IP:127.0.0.1"))
        path = os.path.relpath(self.ca.certificate)
        self.probe(server.url.replace("localhost", "127.0.0.1"), path).wait_log("list: porto as porto")

    def test_client_certificate(self):
        server = self.server_with(self.good_pair(), self.ca.certificate)
        self.probe(server.url, self.ca.certificate, *self.ca.issue("porto")).wait_log("list: porto as porto")

    def test_wrong_ca(self):
        server = self.server_with(self.good_pair())
        self.probe(server.url, self.other.certificate).wait_log(
            "certificate of localhost does not come from the CA in `ca_crt`")

    def test_system_ca(self):
        server = self.server_with(self.good_pair())
        self.probe(server.url).wait_log("comes from no CA that this machine trusts")

    def test_expired(self):
        server = self.server_with(self.ca.issue("server", "DNS:localhost", end="20210203040506Z"))
        self.probe(server.url, self.ca.certificate).wait_log("expired on 2021-02-03 04:05 UTC")

    def test_not_valid_yet(self):
        server = self.server_with(self.ca.issue("server", "DNS:localhost", start="20980203040506Z"))
        self.probe(server.url, self.ca.certificate).wait_log("valid only from 2098-02-03 04:05 UTC")

    def test_other_name(self):
        server = self.server_with(self.ca.issue("server", "DNS:mesh.example"))
        self.probe(server.url, self.ca.certificate).wait_log("made out to another name than localhost")

    def test_client_certificate_missing_or_wrong(self):
        server = self.server_with(self.good_pair(), self.ca.certificate)
        self.probe(server.url, self.ca.certificate).wait_log("asks? for a client certificate")
        wrong = self.probe(server.url, self.ca.certificate, *self.other.issue("porto"))
        wrong.wait_log("certificate in `client_crt`")
        self.assertNotIn("registered", wrong.log())
        self.assertEqual(server.names(), [])

    def test_plain_to_tls_and_tls_to_plain(self):
        tls = self.server_with(self.good_pair())
        self.probe(tls.url.replace("wss://", "ws://")).wait_log("rightly ws:// and not wss://")
        plain = self.stage.original_server({"k": "porto"})
        self.probe(plain.url.replace("ws://", "wss://"), self.ca.certificate).wait_log(
            "if it does not speak TLS, `url` starts with ws://")

    def test_renewed_certificates_are_taken_up(self):
        pair = self.good_pair()
        server = self.server_with(pair, self.ca.certificate)
        crt, key = self.other.issue("porto")
        probe = self.probe(server.url, self.ca.certificate, crt, key)
        probe.wait_log("next attempt in")
        for old, new in zip((crt, key), self.ca.issue("porto")):
            os.replace(new, old)
        probe.wait_log("list: porto as porto", 40)

    def test_unusable_files_are_named_at_start(self):
        crt, key = self.ca.issue("porto")
        _, stranger = self.ca.issue("lisboa")
        text = os.path.join(self.stage.folder, "text")
        with open(text, "w", encoding="ascii") as out:
            out.write("no certificate\n")
        missing = os.path.join(self.stage.folder, "missing")
        for files, said in (((missing,), f"ca_crt: {missing}"), ((text,), f"ca_crt: {text}"),
                            ((self.ca.certificate, crt, missing), f"client_pem {missing}"),
                            ((self.ca.certificate, text, key), f"client_crt {text}"),
                            ((self.ca.certificate, crt, stranger), f"client_pem {stranger}")):
            probe = self.probe("wss://localhost:1/config", *files)
            self.assertEqual(probe.wait_exit(), 2, files)
            self.assertTrue(re.search(re.escape(said), probe.log()), probe.log())


if __name__ == "__main__":
    main()
