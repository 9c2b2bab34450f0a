# SPDX-License-Identifier: GPL-3.0-or-later
"""Real TLS with certificates made for the test: who is let in, and what a renewal does."""
import json
import os
import re
import shutil
import signal
import ssl
import warnings

from harness.case import main
from harness.programs import program, run, write_json
from harness.wait import wait_for
from server_case import RawClient, ServerCase, connect


class Authority:
    """A CA in a folder, made with openssl."""

    def __init__(self, folder, name):
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        self.crt = self.path("ca.crt")
        self._openssl("req", "-x509", *self._new_key("ca.key"), "-out", self.crt, "-days", "30", "-subj", f"/CN={name}")

    def path(self, name):
        return os.path.join(self.folder, name)

    @staticmethod
    def _openssl(*arguments):
        told = run(["openssl", *arguments])
        if told.returncode:
            raise AssertionError(told.stderr)
        return told.stdout

    def _new_key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.path(name))

    def issue(self, name, days=30, usage="serverAuth,clientAuth"):
        """(certificate, key) files; a negative number of days makes one that has expired."""
        crt, key, csr = (self.path(f"{name}.{end}") for end in ("crt", "key", "csr"))
        self._openssl("req", *self._new_key(f"{name}.key"), "-out", csr, "-subj", f"/CN={name}")
        extensions = self.path("extensions")
        with open(extensions, "w", encoding="ascii") as out:
            out.write(f"subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage={usage}\n")
        dates = ("-days", str(days))
        if days < 0:
            # `openssl x509` cannot date back; a CA database can.
            return self._issue_expired(name, csr, key)
        self._openssl("x509", "-req", "-in", csr, "-CA", self.crt, "-CAkey", self.path("ca.key"), "-CAcreateserial",
                      "-out", crt, "-extfile", extensions, *dates)
        return crt, key

    def _issue_expired(self, name, csr, key):
        crt = self.path(f"{name}.crt")
        open(self.path("index"), "w", encoding="ascii").close()
        with open(self.path("ca.cnf"), "w", encoding="ascii") as out:
            out.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.path('index')}\nnew_certs_dir={self.folder}\n"
                      f"rand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        self._openssl("ca", "-batch", "-config", self.path("ca.cnf"), "-cert", self.crt, "-keyfile", self.path("ca.key"),
                      "-in", csr, "-out", crt, "-notext", "-startdate", "20200101000000Z", "-enddate",
                      "20200201000000Z", "-extfile", self.path("extensions"))
        return crt, key


class TlsTest(ServerCase):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.stage.folder, "right")
        self.crt, self.key = self.authority.issue("server")

    def serve_tls(self, *names, **extra):
        return self.serve(*names, tls_crt=self.crt, tls_key=self.key, **extra)

    def context(self, authority=None, certificate=None):
        context = ssl.create_default_context(cafile=(authority or self.authority).crt)
        if certificate:
            context.load_cert_chain(*certificate)
        return context

    def raw(self, server, context):
        client = RawClient(server.port, context=context)
        self.addCleanup(client.close)
        return client

    def serial(self, server):
        with connect(server.port) as link:
            with self.context().wrap_socket(link, server_hostname="localhost") as tls:
                return tls.getpeercert()["serialNumber"]

    def test_register_over_tls(self):
        server = self.serve_tls("porto", "lisboa")
        porto = self.raw(server, self.context())
        self.assertEqual(porto.register("porto")["ip"], "127.0.0.1")
        self.assertIn(porto.socket.version(), ("TLSv1.2", "TLSv1.3"))
        lisboa = self.raw(server, self.context())
        self.assertEqual(lisboa.register("lisboa")["n_clients"], 2)
        self.assertIn(b"lisboa", porto.read_text())

    def lax_openssl(self):
        """A config of OpenSSL, as OPENSSL_CONF names it, with which programs speak old TLS unless they refuse it themselves."""
        path = os.path.join(self.stage.folder, "lax.cnf")
        with open(path, "w", encoding="ascii") as out:
            out.write("openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = lax\n"
                      "[lax]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n")
        return {"OPENSSL_CONF": path}

    def context_for(self, version):
        context = self.context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that TLS 1.1 is old is the point
            context.minimum_version = context.maximum_version = version
        return context

    def test_versions(self):
        server = self.serve_tls("porto", start=False)
        server.env = self.lax_openssl()
        server.start()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version=version):
                self.raw(server, self.context_for(version))
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with self.subTest(version=version), self.assertRaisesRegex(ssl.SSLError, "ALERT_PROTOCOL_VERSION"):
                self.raw(server, self.context_for(version))

    def test_old_versions_are_refused_by_the_server_alone(self):
        """With the same certificate and the same config of OpenSSL, another program takes TLS 1.1."""
        port = self.stage.block.take()
        self.stage.process("s_server", ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", self.crt, "-key",
                                        self.key, "-quiet"], env=self.lax_openssl())

        def version():
            with connect(port) as link:
                with self.context_for(ssl.TLSVersion.TLSv1_1).wrap_socket(link, server_hostname="localhost") as tls:
                    return tls.version()
        self.assertEqual(wait_for(version, 10, "openssl to answer"), "TLSv1.1")

    def expires(self, server):
        """What /metrics says of the certificate's end."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = RawClient(server.port, context=context, handshake=False)
        client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        text = client.read_all().decode()
        client.close()
        return float(re.search(r"(?m)^matriz_server_certificate_expires_seconds (\S+?)\r?$", text)[1])

    def test_end_of_the_certificate(self):
        server = self.serve_tls("porto")
        with connect(server.port) as link:
            with self.context().wrap_socket(link, server_hostname="localhost") as tls:
                end = ssl.cert_time_to_seconds(tls.getpeercert()["notAfter"])
        self.assertEqual(self.expires(server), end)
        self.assertNotIn("expire", server.process.log())
        server.stop()
        self.crt, self.key = self.authority.issue("old", days=-1)
        server = self.serve_tls("porto")
        self.assertIn(f"the certificate {self.crt} has expired; clients will refuse it: renew it", server.process.log())
        self.assertEqual(self.expires(server), ssl.cert_time_to_seconds("Feb  1 00:00:00 2020 GMT"))
        with self.assertRaisesRegex(ssl.SSLCertVerificationError, "expired"):
            self.raw(server, self.context())

    def test_client_that_trusts_another_ca_does_not_come_in(self):
        server = self.serve_tls("porto")
        other = Authority(self.stage.folder, "wrong")
        self.assertRaises(ssl.SSLCertVerificationError, self.raw, server, self.context(other))
        self.raw(server, self.context())

    def test_plain_client_at_a_tls_port(self):
        server = self.serve_tls("porto")
        with self.assertRaises((EOFError, ConnectionError)):
            RawClient(server.port)
        with connect(server.port) as link:
            link.sendall(os.urandom(500))
            try:
                while link.recv(1000):
                    pass
            except ConnectionResetError:
                pass
        self.raw(server, self.context())

    def test_client_certificates(self):
        wrong = Authority(self.stage.folder, "wrong")
        good = self.authority.issue("porto")
        expired = self.authority.issue("old", days=-1)
        foreign = wrong.issue("porto")
        wrong_use = self.authority.issue("web", usage="serverAuth")
        for mode, without in (("require", False), ("request", True)):
            server = self.serve_tls("porto", ca_crt=self.authority.crt, client_certs=mode)
            for what, certificate, enters in (("good", good, True), ("none", None, without),
                                              ("expired", expired, False), ("foreign", foreign, False),
                                              ("for servers", wrong_use, False)):
                with self.subTest(mode=mode, what=what):
                    if enters:
                        client = self.raw(server, self.context(certificate=certificate))
                        self.assertEqual(client.register("porto")["name"], "porto")
                    else:
                        self.assertRaises((ssl.SSLError, ConnectionError, EOFError), self.raw, server,
                                          self.context(certificate=certificate))

    def replace_certificate(self, name):
        crt, key = self.authority.issue(name)
        shutil.move(key, self.key)
        shutil.move(crt, self.crt)

    def test_renewal_is_noticed_and_drops_nobody(self):
        server = self.serve_tls("porto")
        porto = self.raw(server, self.context())
        porto.register("porto")

        def changed_from(serial):
            porto.stay()
            return self.serial(server) != serial
        before = self.serial(server)
        self.replace_certificate("renewed")
        wait_for(lambda: changed_from(before), 20, "the renewed certificate")
        between = self.serial(server)
        self.replace_certificate("again")
        server.process.signal(signal.SIGHUP)
        wait_for(lambda: changed_from(between), 20, "the next one")
        porto.text({"refresh": True})
        porto.wait_text(lambda m: m.get("refresh"))

    def test_whose_certificates_are_taken_is_reread(self):
        """A change of client_certs by SIGHUP, and of the file ca_crt by itself: for those that come, not for those there."""
        other = Authority(self.stage.folder, "other")
        clients_ca = os.path.join(self.stage.folder, "clients-ca.crt")
        shutil.copy(self.authority.crt, clients_ca)
        server = self.serve_tls("porto")
        porto = self.raw(server, self.context())
        porto.register("porto")

        def comes_in(certificate):
            porto.stay()
            try:
                client = self.raw(server, self.context(certificate=certificate))
            except (ssl.SSLError, ConnectionError, EOFError):
                return False
            client.close()
            return True
        ours, theirs = self.authority.issue("ours"), other.issue("theirs")
        self.assertTrue(comes_in(None))
        server.config.update(ca_crt=clients_ca, client_certs="require")
        write_json(server.config_path, server.config)
        server.process.signal(signal.SIGHUP)
        wait_for(lambda: not comes_in(None), 20, "a certificate to be asked for")
        self.assertTrue(comes_in(ours))
        self.assertFalse(comes_in(theirs))
        shutil.copy(other.crt, clients_ca + ".new")
        os.rename(clients_ca + ".new", clients_ca)
        wait_for(lambda: comes_in(theirs), 20, "the new CA")
        self.assertFalse(comes_in(ours))
        porto.text({"refresh": True})
        porto.wait_text(lambda m: m.get("refresh"))

    def test_half_a_renewal_keeps_the_old(self):
        server = self.serve_tls("porto")
        before = self.serial(server)
        crt, key = self.authority.issue("renewed")
        shutil.move(crt, self.crt)  # its key is not there yet
        wait_for(lambda: "not taken" in server.process.log(), 20, "the server to notice")
        self.assertEqual(self.serial(server), before)
        shutil.move(key, self.key)
        wait_for(lambda: self.serial(server) != before, 20, "the renewed certificate")
        with open(self.crt, "w", encoding="ascii") as out:
            out.write("rubbish")
        server.process.signal(signal.SIGHUP)
        wait_for(lambda: server.process.log().count("not taken") > 1, 20, "the server to refuse")
        self.assertNotEqual(self.serial(server), before)

    def test_bad_files_are_said_at_the_start(self):
        _, other_key = self.authority.issue("other")
        for extra, said, status in (({"tls_crt": self.crt, "tls_key": other_key}, "not the key of", 1),
                                    ({"tls_crt": self.key, "tls_key": self.key}, "tls_crt", 2),
                                    ({"tls_crt": self.crt}, "go together", 2),
                                    ({"tls_crt": self.crt, "tls_key": "/nowhere"}, "no file", 2),
                                    ({"tls_crt": self.crt, "tls_key": self.key, "client_certs": "require"}, "ca_crt", 2)):
            with self.subTest(extra=extra):
                path = os.path.join(self.stage.folder, "bad.json")
                with open(path, "w", encoding="utf-8") as out:
                    out.write(json.dumps({"listen": f"127.0.0.1:{self.stage.block.take()}", **extra}))
                told = run([program("matriz-configserver"), path])
                self.assertEqual(told.returncode, status, told.stderr)
                self.assertIn(said, told.stderr)

    def test_handshake_that_never_ends(self):
        server = self.serve_tls("porto", register_timeout_s=10)
        links = [connect(server.port) for _ in range(20)]
        links[0].sendall(b"\x16\x03\x01\x02")
        self.raw(server, self.context())
        for link in links:
            self.assertEqual(link.recv(100), b"")
            link.close()

    def test_large_messages_and_slow_reading(self):
        """Lists larger than the socket takes at once arrive whole, in order."""
        server = self.serve_tls("porto", "lisboa", max_messages_per_second=10000)
        porto, lisboa = self.raw(server, self.context()), self.raw(server, self.context())
        lisboa.register("lisboa")
        porto.register("porto")
        for i in range(8):
            porto.text({"i": i, "filling": "x" * 50000})
        seen = []
        while len(seen) < 8:
            message = json.loads(lisboa.read_text())
            if "i" in message:
                seen.append(message["i"])
                self.assertEqual(len(message["filling"]), 50000)
        self.assertEqual(seen, list(range(8)))


if __name__ == "__main__":
    main()
