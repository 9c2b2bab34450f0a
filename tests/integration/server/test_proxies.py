# SPDX-License-Identifier: GPL-3.0-or-later
"""Behind the proxies of docs/deploy.md, with the very lines that stand there."""
import os
import re
import ssl

from harness.case import main
from harness.certificates import Authority
from harness.programs import ROOT
from harness.wait import wait_for
from server_case import PING, RawClient, ServerCase

HOST = "matriz.example.org"
SOMEWHERE = ("127.0.0.2", 0)


def snippet(heading):
    """The first block of code under `heading` of docs/deploy.md."""
    with open(os.path.join(ROOT, "docs", "deploy.md"), encoding="utf-8") as page:
        return re.search(rf"^## {heading}\n+```\w*\n(.*?)^```", page.read(), re.M | re.S)[1]


class ProxyTest(ServerCase):
    def setUp(self):
        super().setUp()
        authority = Authority(self.stage.folder, "ca")
        self.crt, self.key = authority.issue("proxy", f"DNS:{HOST}")
        self.context = ssl.create_default_context(cafile=authority.certificate)
        self.server = self.serve("porto", "lisboa", "braga", trusted_proxies=["127.0.0.1"])
        self.port = self.stage.block.take()

    def with_ours(self, text, **ours):
        """The snippet with this test's ports and files: each must be there to be replaced."""
        for theirs, our in ours.values():
            self.assertEqual(text.count(theirs), 1, f"{theirs} in {text}")
            text = text.replace(theirs, our)
        return text

    def run_proxy(self, name, argv, config, **options):
        path = os.path.join(self.stage.folder, f"{name}.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(config)
        self.proxy = self.stage.process(name, [*argv, path], **options)

    def through(self, **options):
        def come():
            self.assertTrue(self.proxy.running(), self.proxy.log())
            try:
                return RawClient(self.port, context=self.context, host=HOST, **options)
            except EOFError as closed:
                raise ConnectionError from closed
        client = wait_for(come, 20, "the proxy")
        self.addCleanup(client.close)
        return client

    def check(self):
        porto = self.through(source=SOMEWHERE)
        self.assertEqual(porto.register("porto")["ip"], SOMEWHERE[0], "peers are given the node's address, not the proxy's")
        forger = self.through(source=SOMEWHERE, headers=["X-Forwarded-For: 203.0.113.7"])
        self.assertEqual(forger.register("braga")["ip"], SOMEWHERE[0])
        lisboa = RawClient(self.server.port)
        self.addCleanup(lisboa.close)
        lisboa.register("lisboa")
        for sender, hearer in ((lisboa, porto), (porto, lisboa)):
            sender.text({"mark": 1, "filling": "x" * 50000})
            self.assertEqual(len(hearer.wait_text(lambda m: "mark" in m)["filling"]), 50000)
        while porto.read_frame()[0] != PING:
            pass
        forger.close()
        lisboa.wait_text(lambda m: m.get("message") == "[braga] disconnected from config server")
        self.server.process.signal(15)
        self.assertEqual(porto.close_code(), 1012, "it is told to come back")
        self.assertEqual(self.server.process.wait_exit(), 0)

    def test_nginx(self):
        folder = self.stage.folder
        lines = self.with_ours(snippet("Behind nginx"), port=("listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl;"),
                               crt=(f"/etc/letsencrypt/live/{HOST}/fullchain.pem", self.crt),
                               key=(f"/etc/letsencrypt/live/{HOST}/privkey.pem", self.key),
                               server=("http://127.0.0.1:5000;", f"http://127.0.0.1:{self.server.port};"))
        temporary = "".join(f"{kind}_temp_path {folder}/nginx-{kind};\n"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;\n" if os.geteuid() == 0 else ""
        self.run_proxy("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-c"],
                       f"{user}daemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
                       f"http {{\naccess_log off;\n{temporary}{lines}}}\n")
        self.check()

    def test_caddy(self):
        folder = self.stage.folder
        lines = self.with_ours(snippet("Behind Caddy"), crt=(f"{HOST} {{", f"{HOST} {{\n    tls {self.crt} {self.key}"),
                               server=("127.0.0.1:5000", f"127.0.0.1:{self.server.port}"))
        self.run_proxy("caddy", ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config"],
                       f"{{\n    admin off\n    http_port {self.stage.block.take()}\n    https_port {self.port}\n"
                       f"    auto_https disable_redirects\n    default_bind 127.0.0.1\n    storage file_system {folder}/caddy\n}}\n"
                       f"{lines}", env={"HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder})
        self.check()


if __name__ == "__main__":
    main()
