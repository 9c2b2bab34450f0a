# SPDX-License-Identifier: GPL-3.0-or-later
"""matriz itself, one row for each codec: two nodes that find one another through a config server."""
import json
import os
import subprocess

from harness.programs import BUILD, program, write_json
from harness.wait import wait_for

from .system import System

CONFIG_PORT = 5000


def start_server(lab, end, names):
    path = os.path.join(lab.stage.folder, "clients.json")
    write_json(path, {"client_keys": [{"name": n, "key": f"key-of-{n}"} for n in names]})
    server = lab.spawn("configserver", end,
                       [program("matriz-configserver"), "--listen", f"{lab.address(end)}:{CONFIG_PORT}", path])
    lab.processes.remove(server)   # it carries no audio: not part of the cost
    def listens():
        with open(f"/proc/{server.pid}/net/tcp", encoding="ascii") as table:
            return f":{CONFIG_PORT:04X} 00000000:0000 0A" in table.read()
    wait_for(listens, 10, "the config server to listen")
    return f"ws://{lab.address(end)}:{CONFIG_PORT}/config"


def start_node(lab, end, url, number, **config):
    path = os.path.join(lab.stage.folder, f"{end.name}.json")
    write_json(path, {
        "name": end.name, "key": f"key-of-{end.name}", "url": url, "port": 8554 + number, "jack_client": end.name,
        "jack_server": end.jack.name, "jack_connect": "none", "udp_ports": f"{8600 + 40 * number}-{8639 + 40 * number}",
        "control": f"127.0.0.1:{8655 + number}", "state_dir": os.path.join(lab.stage.folder, f"{end.name}.state"), **config})
    end.control_port = 8655 + number
    end.send = [f"{end.name}-send:in_send_{n}" for n in (1, 2)]
    return lab.spawn(end.name, end, [program("matriz"), path])


def start_senders(lab, end, url, ports):
    """Makes the streams at {name: port} on that host known to the config server, in the original protocol."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "senders.py")
    lab.spawn("senders", end, ["/usr/bin/python3", script, url, *(f"{name}={port}" for name, port in ports.items())]
              ).wait_log("registered")


class Matriz(System):
    def __init__(self, codec, transport="rtsp"):
        self.key = codec if transport == "rtsp" else f"{codec}-{transport}"
        self.rival = codec
        self.label = f"**matriz** {codec}" + (" 2.5 ms" if codec == "opus" else "")
        self.transport = {"rtsp": "RTSP/UDP", "webrtc": "WebRTC"}[transport]
        self.config = {"codec": codec, "frame": 2.5, "transport": transport}

    def why_not(self):
        for name in (("node", "matriz"), ("configserver", "matriz-configserver")):
            if not os.access(os.path.join(BUILD, *name), os.X_OK):
                return f"{'/'.join(name)} is not built"
        return None

    def start(self, lab, a, b):
        url = start_server(lab, b, [a.name, b.name])
        for number, (here, there) in enumerate(((a, b), (b, a))):
            start_node(lab, here, url, number, **self.config)
            here.receive = f"{here.name}:{there.name}_1"


def status(lab, end):
    """/status of a node, asked on its own host."""
    done = subprocess.run(
        lab.network.on(end.host, ["/usr/bin/python3", "-c",
                                  "import sys,urllib.request as u; print(u.urlopen(sys.argv[1], timeout=3).read().decode())",
                                  f"http://127.0.0.1:{end.control_port}/status"]),
        capture_output=True, text=True, check=True, timeout=10)
    return json.loads(done.stdout)


def late_packets(lab, end):
    """How many packets came to that end after their time so far; None where it is no node of ours."""
    if end.control_port is None:
        return None
    return sum(peer["late"] or 0 for peer in status(lab, end)["peers"])


def drift_ppm(lab, end):
    """How much faster its peer's clock is than its own card's, as that end has found; None where it is no node of ours."""
    if end.control_port is None:
        return None
    return next((peer["drift_ppm"] for peer in status(lab, end)["peers"]), None)


MATRIZ = tuple(Matriz(codec) for codec in ("opus", "opus-custom", "pcm16", "pcm24", "float32")) + \
    tuple(Matriz(codec, "webrtc") for codec in ("opus", "opus-custom", "pcm16"))


class Elements(System):
    """matriz's own elements in two gst-launch lines, without nodes: to work on them. No RTCP, so redundancy is fixed."""

    programs = ("gst-launch-1.0",)
    transport = "RTP/UDP"

    def __init__(self, codec, redundancy=0):
        self.key = f"elements-{codec}" + (f"-red{redundancy}" if redundancy else "")
        self.rival = codec
        self.label = f"matriz elements alone, {codec}" + (f", redundancy {redundancy}" if redundancy else "")
        self.codec = codec
        self.redundancy = redundancy

    def _caps(self):
        kind = {"opus": "encoding-name=OPUS,sprop-stereo=(string)1", "opus-custom":
                "encoding-name=X-MATRIZ-OPUS-CUSTOM,channels=2,frame=(string)64", "pcm16": "encoding-name=L16,channels=2",
                "pcm24": "encoding-name=L24,channels=2", "float32": "encoding-name=X-MATRIZ-F32,channels=2"}[self.codec]
        if self.redundancy:
            return "application/x-rtp,media=audio,clock-rate=48000,payload=100,encoding-name=RED,encoding-params=(string)2"
        return f"application/x-rtp,media=audio,clock-rate=48000,payload=96,encoding-params=(string)2,{kind}"

    def start(self, lab, a, b):
        env = {"GST_PLUGIN_PATH": os.path.join(BUILD, "plugins")}
        payloader = ["matrizrtppay", f"codec={self.codec}"]
        playout = ["matrizjacksink", "channels=2", "sync=false", "async=false"]
        if self.redundancy:
            payloader += ["pt=96", "!", "matrizrtpred", "pt=100", f"redundancy={self.redundancy}"]
            playout += ["red-pt=100", f"red-codec={self.codec}"]
        for here, there, port in ((a, b, "5010"), (b, a, "5020")):
            lab.spawn(f"in-{there.name}", there, [
                "gst-launch-1.0", "-q", "udpsrc", f"port={port}", f"caps={self._caps()}", "!", *playout,
                f"server-name={there.jack.name}", f"client-name={there.name}", f"port-prefix={here.name}"], env, realtime=True)
            lab.spawn(f"out-{here.name}", here, [
                "gst-launch-1.0", "-q", "jackaudiosrc", "name=send", f"client-name={here.name}-send", "connect=0",
                "buffer-time=10000", "latency-time=1333", "!", "audio/x-raw,format=F32LE,channels=2", "!", *payloader, "!",
                "udpsink", f"host={lab.address(there)}", f"port={port}", "sync=false", "async=false"], env, realtime=True)
            here.send = [f"{here.name}-send:in_send_{n}" for n in (1, 2)]
            there.receive = f"{there.name}:{here.name}_1"


# Not part of a run unless they are asked for by name.
ELEMENTS = tuple(Elements(codec, redundancy) for codec in ("opus", "opus-custom", "pcm16", "pcm24", "float32")
                 for redundancy in (0, 1, 2))
