#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clean_root.sh does inside its container, where systemd runs and the packages are installed."""
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time

AUDIO = "etc/matriz/audio.conf"
LISBOA = "/etc/systemd/system/matriz-lisboa.service"
STATE = "/var/lib/matriz"
KEPT = [f"{STATE}/identity.pem", f"{STATE}/known_peers.json"]  # what a node is known by, and whom it knows
ADDRESS = "10.77.0.1"
DOCS = "/usr/share/doc/matriz-configserver/deploy.md"
LETSENCRYPT = "/etc/letsencrypt/live/example.org"
RENEWED = "/etc/letsencrypt/renewal-hooks/deploy/matriz"
AUTHORITY = "/usr/local/share/ca-certificates/authority.crt"
AGAIN = 5.0  # s after the cause of a silence has gone until all play again, at the latest
OUT = "/out"  # kept from one start of the machine to the next


def run(*argv, check=True, **more):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(argv)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def wait(what, condition, seconds=40):
    """How long it took until condition() was true."""
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        try:
            if condition():
                return time.monotonic() - start
        except (AssertionError, KeyError, ValueError, IndexError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def step(text):
    print(text, flush=True)


def in_time(took, what):
    """`patience`: how much slower this machine may be."""
    with open(f"{OUT}/patience", encoding="ascii") as patience:
        assert took <= AGAIN * float(patience.read()), f"{what} only after {took:.1f} s"
    step(f"{what} after {took:.1f} s")


def write(path, text, mode=0o644, group="root"):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    os.chmod(path, mode)
    run("chgrp", group, path)


def status(port=8555):
    return json.loads(run("matrizctl", "status", "--json", "--control", f"127.0.0.1:{port}"))


def peer(port=8556):
    return {entry["name"]: entry for entry in status(port)["peers"]}["porto"]


def main_pid(unit):
    return int(run("systemctl", "show", "-P", "MainPID", unit))


def heard():
    """Does lisboa hear what porto plays?"""
    entry = peer()
    return entry["state"] == "playing" and entry["level_dbfs"] is not None and entry["level_dbfs"] > -40


def as_matriz(*argv):
    return ["setpriv", "--reuid=matriz", "--regid=matriz", "--init-groups", *argv]


def network():
    """A network of this machine alone: without any, everybody would be met at 127.0.0.1."""
    run("ip", "link", "add", "way0", "type", "veth", "peer", "name", "way1")
    run("ip", "address", "add", f"{ADDRESS}/24", "dev", "way0")
    for end in ("way0", "way1"):
        run("ip", "link", "set", end, "up")


def autopkgtest():
    step(run("/play-together").strip())


def stun():
    """At which address and port the server sees this socket (RFC 8489)."""
    request = bytes([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]) + secrets.token_bytes(12)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(5)
        one.connect((ADDRESS, 3478))
        one.send(request)
        answer = one.recv(1500)
        assert answer[:2] == b"\x01\x01" and answer[4:20] == request[4:20] and answer[20:22] == b"\0\x20", answer
        port = int.from_bytes(answer[26:28], "big") ^ 0x2112
        address = socket.inet_ntoa(bytes(a ^ b for a, b in zip(answer[28:32], request[4:8])))
        assert (address, port) == one.getsockname(), (address, port)


def certificate():
    """One for this address, from an authority that the system trusts; the server gets its copies as deploy.md says."""
    os.makedirs(LETSENCRYPT)
    os.makedirs(os.path.dirname(RENEWED))
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run("openssl", "req", "-x509", *new_key, "-subj", "/CN=authority", "-keyout", "/root/authority.key", "-out", AUTHORITY)
    run("update-ca-certificates")
    write("/root/extensions", f"subjectAltName=IP:{ADDRESS}\n")
    run("openssl", "req", *new_key, "-subj", "/CN=server", "-keyout", f"{LETSENCRYPT}/privkey.pem", "-out", "/root/request")
    run("openssl", "x509", "-req", "-in", "/root/request", "-CA", AUTHORITY, "-CAkey", "/root/authority.key", "-CAcreateserial",
        "-extfile", "/root/extensions", "-days", "90", "-out", f"{LETSENCRYPT}/fullchain.pem")
    os.chmod(LETSENCRYPT, 0o700)
    with open(DOCS, encoding="utf-8") as page:
        hook = re.search(rf"`{RENEWED}`.*?```\n(.*?)```", page.read(), re.S).group(1)
    write(RENEWED, hook, 0o755)
    run(RENEWED, env={**os.environ, "RENEWED_LINEAGE": LETSENCRYPT})


def new_key(name):
    """(key for the place, its entry in the server's config), as the server makes them."""
    told = run("matriz-configserver", "--new-key", name)
    return re.search(r'"key": "(\S+)"', told).group(1), json.loads(re.search(r"\{.*\}", told).group())


def serve(config):
    """As deploy.md says, by the one who runs the server."""
    write("/etc/matriz/clients.json", json.dumps(config), 0o640, "matriz-configserver")
    run("runuser", "-u", "matriz-configserver", "--", "matriz-configserver", "--check", "/etc/matriz/clients.json")
    run("systemctl", "restart", "matriz-configserver")


def set_up():
    # Nothing runs before somebody says what this machine is for.
    for unit in ("matriz", "matriz-jackd", "matriz-configserver"):
        assert run("systemctl", "is-enabled", unit).strip() == "enabled", unit
        assert run("systemctl", "is-active", unit, check=False).strip() == "inactive", unit
    assert run("systemctl", "is-enabled", "matriz-governor", check=False).strip() == "disabled"
    certificate()
    key, porto = new_key("porto")
    keys = [porto, {"name": "lisboa", "key": "k-lisboa"}]
    config = {"client_keys": keys, "tls_crt": "/etc/matriz/server.crt", "tls_key": "/etc/matriz/server.key"}
    serve({**config, "listen": "0.0.0.0:443"})
    wait("the server on port 443", lambda: ":01BB 00000000:0000 0A" in open("/proc/net/tcp", encoding="ascii").read())
    serve(config)
    stun()
    run("matriz-setup", "--yes", "--dummy", "--name", "porto", "--key", key, "--url", f"{ADDRESS}:5000")
    assert json.load(open("/etc/matriz/client.json", encoding="utf-8"))["url"] == f"wss://{ADDRESS}:5000/config"
    took = wait("porto to be registered", lambda: status()["server"]["state"] == "registered")
    assert os.stat("/etc/matriz/client.json").st_mode & 0o777 == 0o640
    made = os.stat(KEPT[0])
    assert made.st_mode & 0o777 == 0o600 and made.st_uid == os.stat(STATE).st_uid != 0, made
    step(f"set up: porto is registered {took:.1f} s after matriz-setup, has an identity; the server answers STUN")


def second_node():
    config = json.loads(open("/etc/matriz/client.json", encoding="utf-8").read())
    config.update(name="lisboa", key="k-lisboa", port=8654, udp_ports="8701-8800", control="127.0.0.1:8556",
                  jack_client="lisboa", jack_connect="none")
    write("/etc/matriz/lisboa.json", json.dumps(config), 0o640, "matriz")
    unit = open("/lib/systemd/system/matriz.service", encoding="utf-8").read()
    unit = unit.replace("/etc/matriz/client.json", "/etc/matriz/lisboa.json")
    # Another machine's files, so another identity: below what the package takes away.
    write(LISBOA, re.sub(r"^StateDirectory=.*", "StateDirectory=matriz/lisboa matriz/recordings", unit, flags=re.M))
    # Who is pinned is written down.
    pinned = json.loads(open("/etc/matriz/client.json", encoding="utf-8").read())
    write("/etc/matriz/client.json", json.dumps({**pinned, "trust": "pinned"}), 0o640, "matriz")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "matriz")
    run("systemctl", "start", "matriz-lisboa")
    tone()
    took = wait("lisboa to hear porto", heard)
    wait("WebRTC", lambda: peer()["transport"] == "webrtc" and peer()["encrypted"])
    entry = peer()
    step(f"plays: lisboa hears porto at {entry['level_dbfs']:.0f} dBFS after {took:.1f} s, over {entry['transport']}, "
         f"{entry['path']}")
    wait("porto to have lisboa written down", lambda: os.path.exists(KEPT[1]) and "lisboa" in open(KEPT[1], encoding="utf-8").read())


def tone():
    """A sine into porto's sending ports, as the user that JACK is for; again after each start of JACK."""
    def connected():
        run(*as_matriz("jack_lsp"))
        subprocess.Popen(as_matriz("jack_simple_client", "tone"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        run(*as_matriz("jack_connect", "tone:output1", "matriz-send:in_send_1"))
        return True
    wait("a tone", connected)


def may_be_realtime():
    return subprocess.run(["prlimit", "--rtprio=95", "true"], capture_output=True, check=False).returncode == 0


def real_time():
    if not may_be_realtime():
        step("real time: this machine gives nobody the right; not checked")
        return
    threads = run("ps", "-L", "-o", "cls,rtprio,comm", "-p", str(main_pid("matriz")))
    assert re.search(r"^\s*(FF|RR)\s+(5\d|6\d)\s", threads, re.M), threads
    jackd = run("pgrep", "-x", "jackd").split()[0]
    threads = run("ps", "-L", "-o", "cls,rtprio", "-p", jackd)
    assert re.search(r"FF\s+70", threads), threads
    limits = open(f"/proc/{main_pid('matriz')}/limits", encoding="utf-8").read()
    assert re.search(r"Max locked memory\s+unlimited", limits) and re.search(r"realtime priority\s+95", limits), limits
    step("real time: jackd at 70, the node's audio thread below it, memory may be locked")


def governor():
    """matriz-setup has enabled it; here are CPUs with something to set, and it sets that from its sandbox."""
    cpus = "/sys/devices/system/cpu"
    assert run("systemctl", "is-enabled", "matriz-governor").strip() == "enabled"
    run("mount", "-t", "tmpfs", "tmpfs", cpus)
    before = ["powersave", "schedutil"]  # neither is what Debian or the Raspberry Pi begin with
    files = [f"{cpus}/cpu{number}/cpufreq/scaling_governor" for number in range(2)]
    for path, was in zip(files, before):
        os.makedirs(os.path.dirname(path))
        write(path, f"{was}\n")
    full = ["performance"] * 2
    for verb, expected in (("restart", full), ("restart", full), ("stop", before), ("start", full), ("stop", before)):
        run("systemctl", verb, "matriz-governor")
        assert [open(path, encoding="ascii").read().strip() for path in files] == expected, (verb, files)
    run("umount", cpus)
    step("governor: full speed while it is on, and what was before when it is stopped")


def recovers():
    for unit, number in (("matriz", signal.SIGKILL), ("matriz-configserver", signal.SIGKILL)):
        before = main_pid(unit)
        os.kill(before, number)
        took = wait(f"{unit} again", lambda unit=unit, before=before: main_pid(unit) not in (0, before) and heard_or_tone())
        in_time(took, f"killed: {unit} plays again")
    before = main_pid("matriz-jackd")
    os.kill(int(run("pgrep", "-x", "jackd").split()[0]), signal.SIGKILL)
    wait("the node to notice", lambda: status()["jack"]["state"] != "running")
    took = wait("sound again", lambda: status()["jack"]["state"] == "running" and heard_or_tone())
    assert main_pid("matriz-jackd") == before
    in_time(took, "killed: jackd, plays again")
    before = main_pid("matriz")
    os.kill(before, signal.SIGSTOP)
    took = wait("the watchdog", lambda: main_pid("matriz") not in (0, before), 60)
    step(f"stopped: the watchdog ended the node and it was started anew after {took:.1f} s")
    in_time(wait("sound again", heard_or_tone), "started anew: plays again")


def heard_or_tone():
    """The tone is our own client, and JACK forgets its connection with the node."""
    status()
    connections = run(*as_matriz("jack_lsp", "-c", "matriz-send:in_send_1"))
    if "tone:output1" not in connections:
        if "tone:output1" not in run(*as_matriz("jack_lsp")):
            subprocess.Popen(as_matriz("jack_simple_client", "tone"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
            time.sleep(0.3)
        run(*as_matriz("jack_connect", "tone:output1", "matriz-send:in_send_1"))
    return heard()


def power_cut():
    config = json.loads(open("/etc/matriz/client.json", encoding="utf-8").read())
    write("/etc/matriz/client.json", json.dumps({**config, "record": True}), 0o640, "matriz")
    run("systemctl", "restart", "matriz")
    wait("sound", heard_or_tone)
    folder = f"{STATE}/recordings"
    wait("a recording", lambda: sum(os.path.getsize(f"{folder}/{name}") for name in os.listdir(folder)) > 1_000_000)
    for unit in ("matriz", "matriz-lisboa", "matriz-configserver", "matriz-jackd"):
        run("systemctl", "kill", "-s", "KILL", unit)
    in_time(wait("sound again", heard_or_tone), "power cut: all play again")
    first = sorted(os.listdir(folder))[0]
    seconds = wav_seconds(f"{folder}/{first}")
    assert seconds > 1, seconds
    step(f"power cut: {first} is readable, {seconds:.1f} s of sound")


def wav_seconds(path):
    with open(path, "rb") as source:
        head = source.read(4096)
    assert head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE", head[:12]
    at, rate, frame = 12, 0, 0
    while head[at:at + 4] != b"data":
        size = int.from_bytes(head[at + 4:at + 8], "little")
        if head[at:at + 4] == b"fmt ":
            rate = int.from_bytes(head[at + 12:at + 16], "little")
            frame = int.from_bytes(head[at + 20:at + 22], "little")
        at += 8 + size + size % 2
    claimed = int.from_bytes(head[at + 4:at + 8], "little")
    there = os.path.getsize(path) - at - 8
    assert 0 < claimed <= there or claimed == 0xffffffff, f"the header claims {claimed} bytes, there are {there}"
    return min(claimed, there) / frame / rate


def doctor():
    findings = json.loads(run("matrizctl", "doctor", "--json", check=False))
    bad = [finding for finding in findings if finding["verdict"] == "bad"]
    # Where nobody has real-time rights the doctor is right to say so, and there may be xruns.
    assert not [f for f in bad if may_be_realtime() or f["subject"] not in ("clicks", "real time")], bad
    assert {"certificate", "server", "JACK", "identity", "way out"} <= {f["subject"] for f in findings}, findings
    step(f"doctor: {len(findings)} findings, " + ("; ".join(f["text"] for f in bad) or "nothing wrong"))


def read_only():
    """Everything plays after a power-up in which nobody did anything, on a root that forgets."""
    with open("/proc/mounts", encoding="ascii") as mounts:
        assert any(line.split()[1:3] == ["/", "overlay"] for line in mounts), "the root is no overlay"
    run("systemctl", "start", "matriz-lisboa")
    took = wait("sound after a power-up", heard_or_tone)
    wait("WebRTC after a power-up", lambda: peer()["transport"] == "webrtc" and peer()["encrypted"])
    with open(KEPT[0], "rb") as now, open(f"{OUT}/identity.pem", "rb") as before:
        assert now.read() == before.read(), "another identity"
    write(f"{STATE}/marker", "forget me")
    write("/etc/matriz/marker", "forget me")
    step(f"read-only root: after a power-up all play by themselves, heard after {took:.1f} s, with the same identity")


def forgotten():
    for folder in (STATE, "/etc/matriz"):
        assert not os.path.exists(f"{folder}/marker"), folder
    run("systemctl", "start", "matriz-lisboa")
    took = wait("sound after a power-up", heard_or_tone)
    step(f"power-up: plays after {took:.1f} s; what was written to the read-only root is forgotten")


def keep_identity():
    shutil.copy(KEPT[0], f"{OUT}/identity.pem")


def upgrade():
    kept = ["/etc/matriz/client.json", f"/{AUDIO}", "/etc/matriz/clients.json", *KEPT]
    before = {path: open(path, encoding="utf-8").read() for path in kept}
    pid = main_pid("matriz")
    run("sh", "-c", "DEBIAN_FRONTEND=noninteractive dpkg -i /newer/*.deb")
    wait("the new node", lambda: main_pid("matriz") not in (0, pid))
    took = wait("sound after the upgrade", heard_or_tone)
    wait("WebRTC after the upgrade", lambda: peer()["transport"] == "webrtc")
    for path, text in before.items():
        assert open(path, encoding="utf-8").read() == text, path
    assert os.listdir(f"{STATE}/recordings")
    step(f"upgraded: configs, identity, known peers and recordings stay, plays again after {took:.1f} s")


def purge():
    run("systemctl", "disable", "--now", "matriz-lisboa", check=False)
    os.unlink(LISBOA)
    os.unlink("/etc/matriz/lisboa.json")
    run("dpkg", "--remove", "matriz", "matriz-configserver")
    assert not os.path.exists("/etc/security/limits.d/95-matriz.conf"), "set-up is not undone"
    for path in ("/etc/matriz/client.json", "/etc/matriz/clients.json", *KEPT):
        assert os.path.exists(path), path
    assert run("pgrep", "-x", "jackd", check=False) == ""
    run("dpkg", "--purge", "matriz", "matriz-configserver", "gstreamer1.0-matriz")
    # The administrator's own.
    for path in ("/etc/matriz/server.crt", "/etc/matriz/server.key", RENEWED):
        os.unlink(path)
    os.rmdir("/etc/matriz")
    # Music is not the package's to throw away; all else of the state is.
    assert os.listdir(STATE) == ["recordings"] and os.listdir(f"{STATE}/recordings"), os.listdir(STATE)
    run("rm", "-r", STATE)
    left = run("sh", "-c", "find / -xdev \\( -path /proc -o -path /sys -o -path /out -o -path /debs -o -path /newer -o -path /tmp "
               "-o -path '/var/log/*' -o -path '/var/cache/man*' \\) -prune -o -iname '*matriz*' -print").split()
    assert not left, left
    step("purged: nothing is left")


PHASES = {
    "use": (network, autopkgtest, set_up, second_node, real_time, governor, doctor, recovers, power_cut, keep_identity),
    "read-only": (network, read_only),
    "purge": (network, forgotten, upgrade, purge),
}

try:
    for part in PHASES[open(f"{OUT}/phase", encoding="utf-8").read().strip()]:
        part()
    print("all is well", flush=True)
except BaseException:
    for name in ("matriz-configserver", "matriz-jackd", "matriz", "matriz-lisboa"):
        print(run("journalctl", "--no-pager", "-n", "40", "-u", name, check=False), flush=True)
    for control in (8555, 8556):
        print(run("matrizctl", "status", "--json", "--control", f"127.0.0.1:{control}", check=False), flush=True)
    print(run(*as_matriz("jack_lsp", "-c"), check=False), flush=True)
    raise
