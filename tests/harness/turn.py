# SPDX-License-Identifier: GPL-3.0-or-later
"""coturn, Debian's, as STUN and TURN server in the lab's internet."""
import os
import shutil

from .natlab import SERVER4, SERVER6
from .nat_rules import TURN_PORT
from .process import Process
from .wait import wait_for

SECRET = "the TURN server's secret"


def why_not():
    return None if shutil.which("turnserver") else "coturn is not installed"


class Turn:
    """`process` comes with start(). Credentials are made from SECRET, as the config server makes them."""

    def __init__(self, folder, lab):
        self.lab = lab
        self.log_path = os.path.join(folder, "turnserver.log")
        self.config_path = os.path.join(folder, "turnserver.conf")
        self.process = None
        with open(self.config_path, "w", encoding="utf-8") as out:
            out.write("\n".join([
                f"listening-port={TURN_PORT}", *(f"{what}-ip={address}" for what in ("listening", "relay") for address in (SERVER4, SERVER6)),
                "realm=example.org", "use-auth-secret", f"static-auth-secret={SECRET}", "fingerprint", "no-tls", "no-dtls",
                "no-cli", "no-rfc5780", "no-multicast-peers", "verbose", "log-file=stdout", "simple-log",
                f"pidfile={folder}/turnserver.pid", f"userdb={folder}/turnserver.db"]) + "\n")

    def start(self):
        self.process = Process("turnserver", self.lab.internet.on(["turnserver", "-c", self.config_path]), self.log_path)
        wait_for(self._listens, 10, "coturn to listen")
        return self

    def _listens(self):
        if not self.process.running():
            raise AssertionError(f"coturn ended with {self.process.popen.returncode}:\n{self.process.log()}")
        # One line for each of its sockets; it opens those of TCP after those of UDP.
        with open(f"/proc/{self.process.pid}/net/tcp6", encoding="ascii") as table:
            return any(f":{TURN_PORT:04X} " in line.split(":", 1)[1] for line in table.readlines()[1:])

    def stop(self):
        if self.process:
            self.process.stop()

    def ice_servers(self, secret=SECRET, tcp=False, host=SERVER4, **more):
        """The config server's "ice_servers" that lead here."""
        if ":" in host:
            host = f"[{host}]"
        urls = [f"turn:{host}:{TURN_PORT}?transport=udp"] + ([f"turn:{host}:{TURN_PORT}?transport=tcp"] if tcp else [])
        return [{"urls": [f"stun:{host}:{TURN_PORT}"]}, {"urls": urls, "secret": secret, **more}]
