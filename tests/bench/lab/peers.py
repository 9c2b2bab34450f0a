# SPDX-License-Identifier: GPL-3.0-or-later
"""The others, from Debian, each with the settings its own documentation recommends for the lowest latency."""
import os

from .system import System


class JackTrip(System):
    programs = ("jacktrip",)
    rival = "pcm16"

    def __init__(self, key, label, *options):
        self.key = key
        self.label = label
        self.options = options

    def start(self, lab, a, b):
        common = ["-n", "2", "-b", "16", "-D", "--udprt", *self.options]
        # Both may be on one host: the ends use ports of their own.
        lab.spawn("jacktrip-b", b, ["jacktrip", "-s", "-J", b.name, "-B", "4464", "-P", "4474", *common])
        lab.spawn("jacktrip-a", a, ["jacktrip", "-c", lab.address(b), "-J", a.name, "-B", "4474", "-P", "4464", *common])
        for end in (a, b):
            end.send = [f"{end.name}:send_1", f"{end.name}:send_2"]
            end.receive = f"{end.name}:receive_1"


class Zita(System):
    key = "zita"
    programs = ("zita-n2j", "zita-j2n")
    rival = "pcm16"

    def __init__(self, key, label, buffer_ms):
        self.key = key
        self.label = label
        self.buffer_ms = str(buffer_ms)

    def start(self, lab, a, b):
        # Both programs hold JACK's times against those of their own clock: they have to live in their server's time.
        for here, there, port in ((a, b, "4500"), (b, a, "4510")):
            address = lab.address(there)
            lab.spawn(f"zita-n2j-{there.name}", there, ["zita-n2j", "--jname", f"{there.name}-in", "--jserv", there.jack.name,
                                                       "--chan", "1,2", "--buff", self.buffer_ms, address, port],
                      env=there.clock)
            lab.spawn(f"zita-j2n-{here.name}", here, ["zita-j2n", "--jname", f"{here.name}-out", "--jserv", here.jack.name,
                                                     "--chan", "2", "--16bit", address, port], env=here.clock)
            here.send = [f"{here.name}-out:in_1", f"{here.name}-out:in_2"]
            there.receive = f"{there.name}-in:out_1"


class Jamulus(System):
    """Two musicians; the server, which mixes, stands beside the listener, its best place. Neither hears itself."""

    programs = ("Jamulus",)
    rival = "opus-custom"

    def __init__(self, key, label, jitter_buffer=None):
        self.key = key
        self.label = label
        self.jitter_buffer = jitter_buffer   # blocks, None: automatic

    def _settings(self, folder, end):
        path = os.path.join(folder, f"jamulus-{end.name}.ini")
        values = {"autojitbuf": 0 if self.jitter_buffer else 1, "enableopussmall": 1, "audiochannels": 2, "audioquality": 2,
                  "newclientlevel": 100}
        if self.jitter_buffer:
            values.update(jitbuf=self.jitter_buffer, jitbufserver=self.jitter_buffer)
        with open(path, "w", encoding="utf-8") as out:
            out.write("<client>\n" + "".join(f" <{k}>{v}</{k}>\n" for k, v in values.items()) + "</client>\n")
        return path

    def start(self, lab, a, b):
        server = lab.spawn("jamulus-server", b, ["Jamulus", "-s", "-n", "-F", "-p", "22124"])
        server.wait_log("Server|CONNECT|Recording|Jamulus", 15)
        for end, port in ((a, "22134"), (b, "22144")):
            lab.spawn(f"jamulus-{end.name}", end,
                      ["Jamulus", "-n", "-j", "-c", f"{lab.address(b)}:22124", "-p", port, "--clientname", end.name,
                       "--mutemyown", "-i", self._settings(lab.stage.folder, end)])
            end.send = [f"Jamulus {end.name}:input left", f"Jamulus {end.name}:input right"]
            end.receive = f"Jamulus {end.name}:output left"


PEERS = (
    JackTrip("jacktrip-q4", "JackTrip PCM16, -q 4 (default)", "-q", "4"),
    JackTrip("jacktrip-q2", "JackTrip PCM16, -q 2", "-q", "2"),
    JackTrip("jacktrip-auto", "JackTrip PCM16, -q auto", "-q", "auto"),
    JackTrip("jacktrip-r2", "JackTrip PCM16, -q auto -r 2", "-q", "auto", "-r", "2"),
    Zita("zita", "zita-njbridge PCM16, --buff 5", 5),
    Jamulus("jamulus", "Jamulus small buffers, auto jitter buffer"),
    Jamulus("jamulus-fixed", "Jamulus small buffers, jitter buffer 2", 2),
)
