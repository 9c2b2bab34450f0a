# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates made by openssl for one test: a CA, and what it signs."""
import os
import subprocess

_CA_CONFIG = """
[ca]
default_ca = here
[here]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


class Authority:
    """A CA in a folder of its own. Paths: .certificate, and what issue() returns."""

    def __init__(self, folder, name):
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        self._config = self._path("ca.conf")
        for file, content in (("ca.conf", _CA_CONFIG.format(folder=self.folder)), ("index", ""), ("serial", "01\n")):
            with open(self._path(file), "w", encoding="ascii") as out:
                out.write(content)
        self.certificate = self._path("ca.crt")
        self._key = self._path("ca.pem")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                      "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate)

    def _path(self, file):
        return os.path.join(self.folder, file)

    @staticmethod
    def _openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {' '.join(arguments)}\n{done.stderr}")

    def issue(self, name, alternatives="", start="20200101000000Z", end="20991231235959Z"):
        """(certificate file, key file) for `name`. `alternatives`: "DNS:localhost,IP:127.0.0.1"."""
        certificate, key, request = (self._path(f"{name}.{kind}") for kind in ("crt", "pem", "csr"))
        extensions = ["-addext", f"subjectAltName={alternatives}"] if alternatives else []
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                      *extensions, "-keyout", key, "-out", request)
        self._openssl("ca", "-batch", "-notext", "-config", self._config, "-cert", self.certificate, "-keyfile", self._key,
                      "-startdate", start, "-enddate", end, "-in", request, "-out", certificate)
        return certificate, key
