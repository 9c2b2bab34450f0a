# SPDX-License-Identifier: GPL-3.0-or-later
"""A member whose certificate is the right one, and who does as it likes once it is connected."""
import json
import os
import subprocess
import threading

from attack_case import OTHER
from harness.process import Process
from harness.programs import program


class Rude:
    """rude_peer on `host` as the member `name`, which `victim` calls by way of `middle`. Bridges its signals. It gets what
    of the processor nobody else wants: what it costs at the victim is in question, not what it costs itself."""

    def __init__(self, case, host, middle, victim, mode, name="aaron"):
        self.name, self.victim, self.middle = name, victim, middle
        folder = os.path.join(case.stage.folder, f"{name}-{mode}")
        os.makedirs(folder)
        argv = ["prlimit", "--rtprio=0", "setpriv", "--bounding-set=-sys_nice", "nice", "-n", "19", program("rude_peer")]
        fingerprint = host.run(*argv, victim.name, OTHER, folder, "-").strip()
        self.member = case.member(name, fingerprint)
        self.member.wait_message(lambda m: "n_clients" in m, "the answer to register")
        pinned = next(c["fingerprint"] for c in middle.newest_list(victim.name)["clients"] if c["name"] == victim.name)
        self.process = Process(name, host.on([*argv, victim.name, pinned, folder, mode]), os.path.join(folder, "log"),
                               stdin=subprocess.PIPE)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._bridge, daemon=True)
        case.stage.defer(self.stop)
        self._thread.start()

    def _bridge(self):
        heard = said = 0
        while not self._ended.wait(0.02):
            for message in self.member.messages[heard:]:
                heard += 1
                if "signal" in message and message.get("from") == self.victim.name and self.process.running():
                    self.process.popen.stdin.write(json.dumps(message["signal"]).encode() + b"\n")
                    self.process.popen.stdin.flush()
            text = self.process.log()
            whole = text[said:text.rfind("\n") + 1]
            said += len(whole)
            for line in whole.splitlines():
                if line.startswith("{"):
                    self.middle.post(self.victim.name, {"signal": json.loads(line), "from": self.name})

    def datagrams(self):
        """UDP datagrams that came for it: nobody else is on its host."""
        with open(f"/proc/{self.process.pid}/net/snmp", encoding="ascii") as table:
            names, numbers = [line.split() for line in table if line.startswith("Udp:")]
        return int(numbers[names.index("InDatagrams")])

    def connections(self):
        return self.process.log().count("\nconnected\n")

    def stop(self):
        if not self._ended.is_set():
            self._ended.set()
            self._thread.join()
            self.process.stop()
            self.member.stop()
