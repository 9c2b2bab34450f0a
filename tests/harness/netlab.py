# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of hosts in namespaces of their own, with conditions between them; see `netlab --help`."""
import json
import os

from .process import Process
from .programs import BUILD, run

NETLAB = os.path.join(BUILD, "tests", "bench", "netlab", "netlab")


def why_not():
    """Why no network can be made here, or None."""
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun"
    return None


class Netlab:
    """`lines` of the spec besides the hosts. Host names are those of `hosts`; addresses come when it has started."""

    def __init__(self, folder, hosts, lines=(), seed=1, name="netlab"):
        self.hosts = list(hosts)
        self.socket = os.path.join(folder, f"{name}.sock")
        self.address = {}
        self._spec = os.path.join(folder, f"{name}.spec")
        self._log = os.path.join(folder, f"{name}.log")
        with open(self._spec, "w", encoding="utf-8") as out:
            out.write("\n".join([f"hosts {' '.join(self.hosts)}", f"seed {seed}", *lines]) + "\n")
        self.process = None

    def start(self):
        said_before = os.path.getsize(self._log) if os.path.exists(self._log) else 0
        self.process = Process("netlab", [NETLAB, "run", "--socket", self.socket, self._spec], self._log)
        ready = self.process.wait_log(r"(?m)^ready (.*)$", after=said_before).group(1)
        self.address = dict(pair.split("=") for pair in ready.split())
        return self

    def stop(self):
        if self.process:
            self.process.stop()

    def on(self, host, argv):
        """The command line that runs `argv` on `host`; it becomes that program, same process id."""
        return [NETLAB, "exec", "--socket", self.socket, host, "--", *argv]

    def command(self, *words):
        """"link …", "both …": returns nothing, raises when it is refused."""
        done = run([NETLAB, "ctl", "--socket", self.socket, *words])
        if done.returncode != 0:
            raise ValueError(done.stderr.strip())
        return done.stdout

    def statistics(self):
        """{(from, to): counts}"""
        directions = json.loads(self.command("stats"))["directions"]
        return {(d["from"], d["to"]): d for d in directions}

    def final_statistics(self):
        """The same, after stop()."""
        with open(self._log, encoding="utf-8") as log:
            last = [line for line in log if line.startswith("{")][-1]
        return {(d["from"], d["to"]): d for d in json.loads(last)["directions"]}
