# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is alive but reads nothing: what waits for it is bounded, and where nothing can be left out it is let go."""
import json
import socket
import ssl

from harness.case import main
from harness.certificates import Authority
from harness.wait import wait_for
from server_case import PING, PONG, SOCKET_TIMEOUT, TEXT, RawClient, ServerCase, frame

UNREAD = "it does not read what it is sent"


class SlowReaderTest(ServerCase):
    watchdog_seconds = 120

    def start(self, *, tls=False, **extra):
        self.context = None
        if tls:
            authority = Authority(self.stage.folder, "ca")
            extra["tls_crt"], extra["tls_key"] = authority.issue("server", "DNS:localhost")
            self.context = ssl.create_default_context(cafile=authority.certificate)
        self.server = self.serve("porto", "lisboa", "braga", rooms=[{"name": "fado"}], max_messages_per_second=10000,
                                 max_signals_per_second=10000, **extra)
        self.said_before = len(self.server.process.log())  # one file for all servers of a test

    def said(self):
        return self.server.process.log()[self.said_before:]

    def raw(self):
        client = RawClient(self.server.port, context=self.context)
        self.addCleanup(client.close)
        return client

    def deaf(self):
        """A client with hardly a buffer of its own."""
        link = socket.socket()
        self.addCleanup(link.close)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.settimeout(SOCKET_TIMEOUT)
        link.connect(("127.0.0.1", self.server.port))
        if self.context:
            link = self.context.wrap_socket(link, server_hostname="localhost")
            self.addCleanup(link.close)
        return RawClient.over(link)

    @staticmethod
    def ended(deaf):
        """It says that it is alive; is there nobody any more to hear it?"""
        try:
            deaf.send(frame(PONG))
            return False
        except (ConnectionError, ssl.SSLError):
            return True

    def fill(self, deaf, *others):
        """lisboa talks until nothing more of it is kept for the deaf one: what is passed on has half of its queue."""
        lisboa = self.raw()
        lisboa.register("lisboa")
        for i in range(60):
            lisboa.text({"i": i, "filling": "x" * 20000})
            for client in (lisboa, *others):
                client.stay()
            self.assertFalse(self.ended(deaf))
        lisboa.send(frame(PING))
        while lisboa.read_answer()[0] != PONG:
            pass
        self.assertNotIn(UNREAD, self.said())
        return lisboa

    def overflow(self, deaf, act, most):
        """act() until the deaf one is let go."""
        for _ in range(most):
            act()
            if self.ended(deaf):
                break
        wait_for(lambda: self.ended(deaf), 10, "the connection to end")
        wait_for(lambda: UNREAD in self.said(), 10, "the log to say why")

    def both(self, test):
        for tls in (False, True):
            with self.subTest(tls=tls):
                self.start(tls=tls, max_queue_bytes=65536)
                test()
                self.server.stop()

    def test_a_node(self):
        """Refusals count, too: who goes on asking for them without reading one is let go."""
        def test():
            deaf = self.deaf()
            deaf.register("porto")
            braga = self.raw()
            braga.register("braga")
            lisboa = self.fill(deaf, braga)

            def ask():
                try:
                    deaf.text({"signal": 1, "to": "nobody"})
                except (ConnectionError, ssl.SSLError):
                    pass
            self.overflow(deaf, ask, 2000)
            for client in (lisboa, braga):
                left = client.wait_text(lambda m: m.get("message") == "[porto] disconnected from config server")
                self.assertEqual(sorted(c["name"] for c in left["clients"]), ["braga", "lisboa"])
        self.both(test)

    def signals_kept(self, limit):
        """Bytes of signals that are taken for one who reads nothing, until the first is refused."""
        self.start(max_queue_bytes=limit, max_signal_bytes=65536)
        deaf, lisboa = self.deaf(), self.raw()
        deaf.register("porto")
        lisboa.register("lisboa")
        body = "x" * 40000
        for count in range(1000):
            self.assertFalse(self.ended(deaf))
            lisboa.text({"signal": body, "to": "porto"})
            lisboa.send(frame(PING, b"?"))
            while (answer := lisboa.read_answer())[0] == TEXT:
                if "takes no messages" in json.loads(answer[1]).get("message", ""):
                    self.server.stop()
                    return count * len(body)
        self.fail("none was refused")

    def test_as_much_is_kept_as_the_config_says(self):
        """Half of max_queue_bytes may be others' words; the kernel has some 200 KB on top."""
        self.assertLess(self.signals_kept(65536), 1024 * 1024)
        self.assertGreater(self.signals_kept(4 * 1024 * 1024), 1900 * 1024)


if __name__ == "__main__":
    main()
