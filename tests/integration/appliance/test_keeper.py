# SPDX-License-Identifier: GPL-3.0-or-later
"""matriz-jackd: JACK is there whenever the sound card is. The card is told of by files below a root; jackd is real."""
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest.mock

import appliance
from harness.case import StageCase, main
from harness.jack import Jack
from harness.wait import wait_for
from matriz_appliance import audio_conf
from matriz_appliance.jackd import Keeper


class KeeperTest(StageCase):
    def setUp(self):
        super().setUp()
        self.root = os.path.join(self.stage.folder, "root")
        self.jack = Jack(self.stage.folder)  # never started by itself: the keeper starts its server
        self.messages = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.listener.bind(os.path.join(self.stage.folder, "notify"))
        self.addCleanup(self.listener.close)
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self):
        try:
            while True:
                self.messages += self.listener.recv(4096).decode().split("\n")
        except OSError:
            pass

    def keeper(self, **keys):
        appliance.write(os.path.join(self.root, "etc/matriz/audio.conf"), "".join(
            f"{key}={value}\n" for key, value in {"DRIVER": "dummy", "SERVER": self.jack.name, **keys}.items()))
        return self.stage.process("keeper", [appliance.KEEPER, "--root", self.root],
                                  env={"NOTIFY_SOCKET": self.listener.getsockname()})

    def jackd_pid(self):
        """Of the jackd that the keeper started."""
        done = appliance.run("pgrep", "-f", f"^jackd --name={self.jack.name} ")
        return int(done.stdout.split()[0]) if done.stdout else None

    def plays(self):
        return "system:playback_1" in self.jack.ports()

    @staticmethod
    def node_plays(node):
        status = node.status()
        return status["jack"]["state"] == "running" and status["emitter"]["state"] == "sending"

    def test_unplugged_and_plugged_in(self):
        appliance.take_cards(appliance.raspberry_pi(self.root))
        keeper = self.keeper(DEVICE="USB")
        keeper.wait_log("waiting for the sound card USB")
        # What is ordered after it must not wait for a card.
        wait_for(lambda: "READY=1" in self.messages, 5, "READY=1")
        self.assertIsNone(self.jackd_pid())
        node = self.stage.node("porto", self.jack, "").start()
        for _ in range(2):
            appliance.put_card(self.root)
            appliance.assert_plays_again(self, "after the card is there", lambda: wait_for(
                lambda: self.plays() and self.node_plays(node), 30, "the node to play on the card"))
            appliance.take_cards(self.root)
            wait_for(lambda: self.jackd_pid() is None, 10, "jackd to end with its card")
            wait_for(lambda: node.status()["jack"]["state"] != "running", 20, "the node to notice")
        self.assertIn("STATUS=waiting for the sound card USB", self.messages)
        self.assertEqual(keeper.stop(), 0)
        self.assertIn("STOPPING=1", self.messages)

    def test_jackd_killed(self):
        keeper = self.keeper()
        wait_for(self.plays, 10, "JACK")
        node = self.stage.node("porto", self.jack, "").start()
        wait_for(lambda: self.node_plays(node), 20, "the node to play")
        first = self.jackd_pid()
        os.kill(first, signal.SIGKILL)
        appliance.assert_plays_again(self, "after jackd was killed", lambda: wait_for(
            lambda: self.jackd_pid() not in (None, first) and self.plays() and self.node_plays(node), 30, "another JACK"))
        keeper.wait_log("jackd ended with status -9")
        self.assertIn("WATCHDOG=1", self.messages)
        keeper.stop()
        self.assertIsNone(self.jackd_pid())

    def test_hardware_stands_still(self):
        appliance.raspberry_pi(self.root)
        status = os.path.join(self.root, "proc/asound/card1/pcm0p/sub0/status")
        moving = threading.Event()
        moving.set()

        def hardware():
            for frames in range(0, 10**9, 4800):
                if not moving.is_set():
                    return
                appliance.write(status, f"state: RUNNING\nhw_ptr      : {frames}\nappl_ptr    : {frames}\n")
                time.sleep(0.1)
        thread = threading.Thread(target=hardware)
        thread.start()
        try:
            keeper = self.keeper(DEVICE="USB")
            wait_for(self.plays, 10, "JACK on the card")
            first = self.jackd_pid()
        finally:
            moving.clear()
            thread.join()
        keeper.wait_log("the sound card USB stands still", timeout=15)
        appliance.assert_plays_again(self, "after the card was found to stand still", lambda: wait_for(
            lambda: self.jackd_pid() not in (None, first) and self.plays(), 30, "another JACK"))

    def test_bad_config(self):
        appliance.write(os.path.join(self.root, "etc/matriz/audio.conf"), "DRIVER=dummy\nPERIOD=65\n")
        done = appliance.run(appliance.KEEPER, "--root", self.root)
        self.assertEqual(done.returncode, 2)
        self.assertIn("audio.conf:2: PERIOD: 65 is no power of two", done.stderr)

    def test_check(self):
        appliance.raspberry_pi(self.root)
        done = appliance.run(appliance.KEEPER, "--root", self.root, "--check")
        self.assertEqual(done.stdout.split()[-3:], ["3", "-d", "hw:USB"])
        appliance.take_cards(self.root)
        done = appliance.run(appliance.KEEPER, "--root", self.root, "--check")
        self.assertIn("would wait for it", done.stdout)


class CardsTest(StageCase):
    """One look of the keeper after another, at cards that change between them. jackd is a script."""

    def test_another_card_is_plugged_in(self):
        """The one that plays goes on, even if "auto" would choose the other one; when it is gone, the other one plays."""
        root, programs = (os.path.join(self.stage.folder, name) for name in ("root", "bin"))
        path = os.path.join(programs, "jackd")
        appliance.write(path, "#!/bin/sh\nexec /bin/sleep 100\n")
        os.chmod(path, 0o755)
        appliance.put_card(root, 2, "Amp", ways="p")
        keeper = Keeper(audio_conf.AudioConf(), root)
        self.addCleanup(keeper._stop)
        with unittest.mock.patch.dict(os.environ, {"PATH": programs}):
            keeper._step()
            first = keeper._jackd
            self.assertEqual(first.args[-2:], ["-P", "hw:Amp"])
            appliance.put_card(root, 1)
            keeper._step()
            self.assertIs(keeper._jackd, first)
            self.assertIsNone(first.poll())
            appliance.take_cards(root)
            appliance.put_card(root, 1)
            keeper._step()
            self.assertIsNone(keeper._jackd)
            wait_for(lambda: keeper._step() or keeper._jackd, 10, "another jackd")
            self.assertEqual(keeper._jackd.args[-2:], ["-d", "hw:USB"])


class XrunsTest(StageCase):
    def test_counted(self):
        """A JACK server that was asleep for a while has had xruns; one that was not moves on."""
        jack = self.stage.jack()
        watch = [sys.executable, os.path.join(appliance.SOURCE, "setup/matriz_appliance/periods.py"), jack.name, "1"]
        with subprocess.Popen(watch, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as client:
            wait_for(lambda: client.poll() is not None or self.sleep_a_while(jack), 10, "the client to end")
            xruns, frames = map(int, client.communicate(timeout=10)[0].split()[-2:])
        self.assertGreater(xruns, 0)
        self.assertGreater(frames, 0)

    @staticmethod
    def sleep_a_while(jack):
        os.kill(jack.process.pid, signal.SIGSTOP)
        time.sleep(0.02)
        os.kill(jack.process.pid, signal.SIGCONT)
        return False


if __name__ == "__main__":
    main()
