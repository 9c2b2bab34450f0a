# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's own programs, started from the build tree with a config of their own."""
import json
import os
import signal
import subprocess
import urllib.error
import urllib.request

from .jack import ENVIRONMENT as JACK_ENVIRONMENT
from .process import Process
from .wait import PATIENCE, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("MATRIZ_BUILD_DIR", os.path.join(ROOT, "build"))

PATHS = {
    "matriz": ("node", "matriz"),
    "matrizctl": ("matrizctl", "matrizctl"),
    "matriz-configserver": ("configserver", "matriz-configserver"),
    "jack_probe": ("tests", "probes", "jack_probe"),
    "control_probe": ("tests", "integration", "control_probe"),
    "rude_peer": ("tests", "integration", "webrtc", "rude_peer"),
}


def program(name):
    path = os.path.join(BUILD, *PATHS[name])
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is not built")
    return path


def run(argv, timeout=30, **more):
    """subprocess.run with its output captured as text and no standard input. `timeout`: seconds, times PATIENCE."""
    return subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=timeout * PATIENCE, **more)


def write_json(path, content):
    with open(path, "w", encoding="utf-8") as out:
        json.dump(content, out, indent=2)
    return path


def http_get(url, timeout=5.0):
    """(status, body text); OSError if nobody answers within `timeout` seconds, times PATIENCE."""
    try:
        with urllib.request.urlopen(url, timeout=timeout * PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


class Here:
    """Where programs run when nothing else is said: this machine, this network. Others: space.Space, natlab.Host."""

    @staticmethod
    def on(argv):
        return argv

    @staticmethod
    def call(function, *args):
        return function(*args)


class ConfigServer:
    """matriz-configserver on loopback, with the given {name: key}; or on `host` at all its addresses."""

    def __init__(self, folder, port, keys, monitor_key=None, extra=None, host=None):
        self.folder = folder
        self.port = port
        self.host = host or Here
        self.listen = f"[::]:{port}" if host else f"127.0.0.1:{port}"
        self.config = {"client_keys": [{"name": name, "key": key} for name, key in keys.items()], **(extra or {})}
        if monitor_key:
            self.config["monitor_key"] = {"name": "monitor", "key": monitor_key}
        self.config_path = os.path.join(folder, "clients.json")
        self.log_path = os.path.join(folder, "configserver.log")
        self.env = {}  # beside that of this process
        self.process = None

    @property
    def url(self):
        return self.url_at("127.0.0.1")

    def url_at(self, address):
        return f"ws://[{address}]:{self.port}/config" if ":" in address else f"ws://{address}:{self.port}/config"

    def start(self):
        write_json(self.config_path, self.config)
        self.process = Process(
            "configserver",
            self.host.on([program("matriz-configserver"), "--listen", self.listen, "--debug", self.config_path]),
            self.log_path, cwd=self.folder, env=self.env)
        wait_for(self._listens, 10, "the config server to listen")
        return self

    def _listens(self):
        if not self.process.running():
            raise AssertionError(f"the config server ended with {self.process.popen.returncode}:\n{self.process.log()}")
        # /proc/net/tcp tells without a connection that the server would have to log and refuse.
        with open(f"/proc/{self.process.pid}/net/{'tcp6' if self.listen[0] == '[' else 'tcp'}", encoding="ascii") as table:
            return any(f":{self.port:04X} " in line.split(":", 1)[1] and line.split()[3] == "0A"
                       for line in table.readlines()[1:])

    def stop(self):
        return self.process.stop() if self.process else None

    def kill(self):
        self.process.kill()


class Node:
    """A matriz node. Its JACK client has the node's name, so that many share one JACK server without a clash. It runs on
    `host`, or here."""

    def __init__(self, folder, name, jack, block, server_url, key=None, host=None, **config):
        self.folder = folder
        self.host = host or Here
        self.name = name
        self.jack = jack
        self.rtsp_port = block.take()
        self.control_port = block.take()
        udp_first, udp_last = block.take_range(24)
        self.config = {
            "name": name, "key": key or f"key-of-{name}", "port": self.rtsp_port, "jack_client": name,
            "jack_server": jack.name if jack else "nobody", "jack_connect": "none",
            "udp_ports": f"{udp_first}-{udp_last}", "control": f"127.0.0.1:{self.control_port}", **config,
        }
        if server_url:
            self.config["url"] = server_url
        self.config_path = os.path.join(folder, f"{name}.json")
        self.log_path = os.path.join(folder, f"{name}.log")
        self.state_folder = os.path.join(folder, f"{name}.state")  # what it remembers, its identity among it
        self.process = None

    def start(self, *options):
        write_json(self.config_path, self.config)
        self.process = Process(self.name, self.host.on([program("matriz"), "--debug", *options, self.config_path]),
                               self.log_path, cwd=self.folder,
                               env={**JACK_ENVIRONMENT, "STATE_DIRECTORY": self.state_folder})
        return self

    def stop(self):
        return self.process.stop() if self.process else None

    def kill(self):
        self.process.kill()

    def leave(self):
        """Asked to end, as by Ctrl-C; returns the exit status."""
        self.process.signal(signal.SIGINT)
        return self.process.wait_exit()

    def status(self):
        """GET /status as an object; OSError while nobody answers."""
        code, body = self.host.call(http_get, f"http://127.0.0.1:{self.control_port}/status")
        if code != 200:
            raise OSError(f"/status answered {code}")
        return json.loads(body)

    def peers(self):
        """{name: what /status says about that peer}."""
        return {peer["name"]: peer for peer in self.status()["peers"]}

    def send_port(self, channel=1):
        return f"{self.name}-send:in_send_{channel}"

    def peer_port(self, peer, channel=1):
        """Where `peer`, a node or a name, is heard here."""
        return f"{self.name}:{getattr(peer, 'name', peer)}_{channel}"

    def rtsp_url(self):
        return f"rtsp://127.0.0.1:{self.rtsp_port}/stream"

    def udp_ports(self):
        """Of all UDP sockets that it has."""
        inodes = {int(t[8:-1]) for t in self.process.descriptor_targets() if t.startswith("socket:[")}
        found = set()
        with open(f"/proc/{self.process.pid}/net/udp", encoding="ascii") as table:
            for line in table.readlines()[1:]:
                fields = line.split()
                if int(fields[9]) in inodes:
                    found.add(int(fields[1].split(":")[1], 16))
        return sorted(found)
