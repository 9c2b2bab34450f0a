# SPDX-License-Identifier: GPL-3.0-or-later
"""matriz-setup on the roots of other systems: every answer, twice, and undone."""
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import unittest

import appliance
from appliance import CMDLINE, CONFIG
from harness.case import StageCase, main
from harness.wait import wait_for
from matriz_appliance import alsa, audio_conf, client_json

ANSWERS = ("--yes", "--name", "porto", "--key", "geheim-77", "--url", "matriz.example.org")
JOURNAL = "var/lib/matriz-setup/journal.json"
LIVE = """import sys
from matriz_appliance import cli, ground
ground.Ground.live = True
sys.exit(cli.main(sys.argv[1:]))"""


class SetupCase(StageCase):
    """matriz-setup on the machine below self.root: another one, or, with live(), the running one, whose systemctl is a script."""

    def setUp(self):
        super().setUp()
        self.root = os.path.join(self.stage.folder, "root")
        self.programs = os.path.join(self.stage.folder, "bin")
        self.log = os.path.join(self.stage.folder, "systemctl.log")
        os.makedirs(self.root)
        self.program("systemctl", f"""echo "$@" >>{self.log}
case $1 in is-active) echo active ;; is-enabled) echo enabled ;; esac""")

    def program(self, name, text):
        path = os.path.join(self.programs, name)
        appliance.write(path, f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)

    def live(self, *options):
        return subprocess.Popen(
            [sys.executable, "-c", LIVE, "--root", self.root, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PATH": self.programs, "PYTHONPATH": os.path.join(appliance.SOURCE, "setup")})


class SetupTest(SetupCase):

    def setup(self, *options, status=0, **more):
        done = appliance.run(appliance.SETUP, "--root", self.root, *options, **more)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def here(self, *options, status=0):
        """As setup(), on the running machine."""
        with self.live(*options) as done:
            said = done.communicate(timeout=60)[0]
        self.assertEqual(done.returncode, status, said)
        return said

    def read(self, name):
        with open(os.path.join(self.root, name), encoding="utf-8") as source:
            return source.read()

    @unittest.skipUnless(os.getuid() == 0, "only root gives files away")
    def test_the_config_is_of_the_group_that_the_other_machine_has(self):
        appliance.raspberry_pi(self.root)
        appliance.write(os.path.join(self.root, "etc/group"), "root:x:0:\nmatriz:x:4242:\n")
        self.setup(*ANSWERS)
        self.assertEqual(os.stat(os.path.join(self.root, "etc/matriz/client.json")).st_gid, 4242)

    def test_once_twice_undone(self):
        before = appliance.tree(appliance.raspberry_pi(self.root))
        said = self.setup(*ANSWERS, "--period", "64")
        self.assertNotIn("geheim-77", said)
        self.assertEqual(json.loads(self.read("etc/matriz/client.json")),
                         {"name": "porto", "key": "geheim-77", "url": "wss://matriz.example.org/config"})
        self.assertEqual(os.stat(os.path.join(self.root, "etc/matriz/client.json")).st_mode & 0o777, 0o640)
        conf = audio_conf.load(os.path.join(self.root, "etc/matriz/audio.conf"))
        self.assertEqual((conf.device, conf.rate, conf.period, conf.periods), ("auto", 48000, 64, 3))
        words = self.read("boot/firmware/cmdline.txt")
        self.assertEqual(words, CMDLINE.rstrip("\n") + " usbcore.autosuspend=-1\n")
        config = self.read("boot/firmware/config.txt")
        self.assertTrue(config.startswith(CONFIG))
        self.assertIn("\n[all]\n", config[len(CONFIG):])
        for unit in ("matriz", "matriz-jackd", "matriz-governor"):
            self.assertTrue(os.path.islink(os.path.join(
                self.root, f"etc/systemd/system/multi-user.target.wants/{unit}.service")), unit)

        after = appliance.tree(self.root)
        self.assertIn("Everything was as it should be.", self.setup(*ANSWERS, "--period", "64"))
        self.assertEqual(appliance.tree(self.root), after)
        # What was answered before is the default.
        self.assertIn("Everything was as it should be.", self.setup("--yes"))

        self.setup("--undo")
        after = appliance.tree(self.root)
        self.assertEqual(json.loads(after.pop(JOURNAL)), {"files": {}, "units": []})
        self.assertEqual(after, before)

    def test_every_option_undone(self):
        before = appliance.tree(appliance.raspberry_pi(self.root))
        os.makedirs(os.path.join(self.root, "usr/share/wireplumber"))
        self.setup(*ANSWERS, "--card", "hw:USB", "--rate", "44100", "--periods", "2", "--period", "256", "--radio-off",
                   "--usb-fiq-off")
        self.assertIn("dtoverlay=disable-wifi", self.read("boot/firmware/config.txt"))
        self.assertIn("dwc_otg.fiq_fsm_enable=0", self.read("boot/firmware/cmdline.txt"))
        self.assertIn('"alsa_card.usb*"', self.read("etc/wireplumber/main.lua.d/90-matriz.lua"))
        self.assertIn('device.name = "~alsa_card.usb.*"', self.read("etc/wireplumber/wireplumber.conf.d/90-matriz.conf"))
        self.assertIn("DEVICE=hw:USB\n", self.read("etc/matriz/audio.conf"))
        # Another answer, then another: undoing goes back to before the first.
        self.setup(*ANSWERS, "--name", "lisboa", "--dummy")
        self.assertIn("DRIVER=dummy\n", self.read("etc/matriz/audio.conf"))
        self.setup("--undo")
        after = appliance.tree(self.root)
        del after[JOURNAL]
        self.assertEqual(after, before)

    def test_switches_are_remembered(self):
        appliance.raspberry_pi(self.root)
        cmdline = CMDLINE.replace("quiet", "quiet dwc_otg.fiq_fsm_enable=1")
        appliance.write(os.path.join(self.root, "boot/firmware/cmdline.txt"), cmdline)
        self.setup(*ANSWERS)
        plain = appliance.tree(self.root)
        self.setup("--yes", "--radio-off", "--usb-fiq-off", "--dry-run")
        self.assertEqual(appliance.tree(self.root), plain)
        self.setup("--yes", "--radio-off", "--usb-fiq-off")
        off = appliance.tree(self.root)
        self.assertIn("dtoverlay=disable-bt", off["boot/firmware/config.txt"])
        self.assertIn("dwc_otg.fiq_fsm_enable=0", off["boot/firmware/cmdline.txt"])
        self.assertNotIn("dwc_otg.fiq_fsm_enable=1", off["boot/firmware/cmdline.txt"])
        self.assertIn("Everything was as it should be.", self.setup("--yes"))
        self.assertEqual(appliance.tree(self.root), off)
        self.setup("--yes", "--radio-on", "--usb-fiq-on")
        self.assertNotIn("disable-bt", self.read("boot/firmware/config.txt"))
        self.assertIn("dwc_otg.fiq_fsm_enable=1", self.read("boot/firmware/cmdline.txt"))
        self.assertNotIn("dwc_otg.fiq_fsm_enable=0", self.read("boot/firmware/cmdline.txt"))
        self.assertIn("Everything was as it should be.", self.setup("--yes"))
        self.setup("--undo")
        self.assertEqual(sorted(self.read("boot/firmware/cmdline.txt").split()), sorted(cmdline.split()))

    @unittest.skipIf(os.geteuid() != 0, "only root becomes another user")
    def test_who_may_reserve_sound_cards_on_the_system_bus(self):
        appliance.put_units(self.root)
        self.setup(*ANSWERS)
        os.chmod(self.stage.folder, 0o755)
        conf, address = (os.path.join(self.stage.folder, name) for name in ("bus.conf", "bus"))
        appliance.write(conf, f"""<busconfig><type>system</type><listen>unix:path={address}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><deny own="*"/><allow send_destination="org.freedesktop.DBus"/>
<allow receive_sender="org.freedesktop.DBus"/></policy>
<include>{self.root}/etc/dbus-1/system.d/matriz-jackd.conf</include></busconfig>""")
        self.stage.process("bus", ["dbus-daemon", "--nofork", "--config-file", conf])
        wait_for(lambda: os.path.exists(address), 10, "the bus")

        def own(name, groups):
            return subprocess.run(
                ["setpriv", "--reuid=nobody", "--regid=nogroup", f"--groups={groups}", "dbus-send", f"--bus=unix:path={address}",
                 "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.RequestName", f"string:{name}",
                 "uint32:0"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).returncode == 0

        self.assertTrue(own("org.freedesktop.ReserveDevice1.Audio0", "audio"))
        self.assertFalse(own("org.freedesktop.ReserveDevice1.Audio0", "nogroup"))
        self.assertFalse(own("org.freedesktop.Other", "audio"))

    def test_leave_alone(self):
        appliance.raspberry_pi(self.root)
        self.setup(*ANSWERS, "--no-boot", "--no-governor", "--no-system")
        self.assertEqual(self.read("boot/firmware/cmdline.txt"), CMDLINE)
        names = {name for name in appliance.tree(self.root) if name.startswith(("etc/", "boot/")) and ".wants" not in name}
        self.assertEqual(names, {"etc/hostname", "etc/matriz/client.json", "etc/matriz/audio.conf",
                                 "boot/firmware/cmdline.txt", "boot/firmware/config.txt"})
        # Until something else is said.
        left = appliance.tree(self.root)
        said = self.setup("--yes")
        self.assertIn("Everything was as it should be.", said)
        self.assertIn("left alone: the CPU's speed (--governor changes that)", said)
        self.assertEqual(appliance.tree(self.root), left)
        self.setup("--yes", "--boot")
        self.assertIn("usbcore.autosuspend=-1", self.read("boot/firmware/cmdline.txt"))
        self.assertNotIn("etc/security/limits.d/95-matriz.conf", appliance.tree(self.root))
        self.setup("--undo")
        self.assertEqual(json.loads(self.read(JOURNAL)), {"files": {}, "units": []})

    def test_no_pi(self):
        appliance.put_units(self.root)
        appliance.put_card(self.root)
        self.setup(*ANSWERS)
        self.assertFalse(os.path.exists(os.path.join(self.root, "boot")))

    def test_dry_run(self):
        before = appliance.tree(appliance.raspberry_pi(self.root))
        said = self.setup(*ANSWERS, "--dry-run")
        self.assertIn("would write /etc/matriz/client.json", said)
        self.assertIn("none was made", said)
        self.assertEqual(appliance.tree(self.root), before)
        self.setup(*ANSWERS)
        after = appliance.tree(self.root)
        self.assertIn("would remove /etc/matriz/client.json", self.setup("--undo", "--dry-run"))
        self.assertEqual(appliance.tree(self.root), after)

    def test_undo_keeps_what_somebody_changed(self):
        appliance.raspberry_pi(self.root)
        self.setup(*ANSWERS)
        path = os.path.join(self.root, "etc/matriz/client.json")
        appliance.write(path, self.read(path).replace("porto", "faro"))
        config = os.path.join(self.root, "boot/firmware/config.txt")
        appliance.write(config, self.read(config) + "dtparam=spi=on\n")
        self.assertIn("left: /etc/matriz/client.json", self.setup("--undo", status=1))
        self.assertIn("faro", self.read(path))
        self.assertEqual(self.read(config), CONFIG + "dtparam=spi=on\n")
        self.setup("--undo", "--force")
        self.assertFalse(os.path.exists(path))

    def test_undo_keeping_the_config(self):
        appliance.raspberry_pi(self.root)
        self.setup(*ANSWERS)
        self.setup("--undo", "--keep-config")
        self.assertEqual(self.read("boot/firmware/cmdline.txt"), CMDLINE)
        self.assertIn("porto", self.read("etc/matriz/client.json"))
        self.setup("--undo")
        self.assertFalse(os.path.exists(os.path.join(self.root, "etc/matriz/client.json")))

    def test_own_config_stays(self):
        appliance.raspberry_pi(self.root)
        mine = '// ours\n{ "name": "porto", /* old */ "key": "a\\"b",\n  "channels": 1, "allow": ["10.0.0.0/8"] }\n'
        appliance.write(os.path.join(self.root, "etc/matriz/client.json"), mine)
        self.setup("--yes", "--url", "ws://10.0.0.1:5000")
        text = self.read("etc/matriz/client.json")
        self.assertTrue(text.startswith("// ours\n{"))
        self.assertEqual(client_json.values(text), {
            "name": "porto", "key": 'a"b', "channels": 1, "allow": ["10.0.0.0/8"], "url": "ws://10.0.0.1:5000/config"})
        self.setup("--undo")
        self.assertEqual(self.read("etc/matriz/client.json"), mine)

    def test_refused(self):
        appliance.raspberry_pi(self.root)
        before = appliance.tree(self.root)
        for more, words in (
                (("--url", "http://x"), "is no server"), (("--url", "ws://"), "is no server"),
                (("--url", "wss://h:99999"), "is no server"), (("--name", ""), "1 to 64 bytes"),
                (("--name", "a\tb"), "printable"), (("--name", "x" * 65), "1 to 64 bytes"), (("--key", " "), "key is empty"),
                (("--card", " "), "has a name"), (("--card", "A\nB"), "has a name"), (("--period", "100"), "no power of two"),
                (("--period", "viel"), "an integer from 16"), (("--rate", "1"), "an integer from 8000")):
            self.assertIn(words, self.setup(*ANSWERS, *more, status=2), more)
        self.assertIn("is no server", self.setup("--yes", "--key", "k", status=2))
        self.assertEqual(appliance.tree(self.root), before)

    def test_key_from_standard_input(self):
        appliance.raspberry_pi(self.root)
        self.setup("--yes", "--url", "h", "--key", "-", stdin=None, input="s3cret\n")
        self.assertEqual(client_json.values(self.read("etc/matriz/client.json")),
                         {"name": "raspberrypi", "key": "s3cret", "url": "wss://h/config"})

    def test_card_that_is_not_there(self):
        appliance.raspberry_pi(self.root)
        os.makedirs(os.path.join(self.root, "usr/share/wireplumber"))
        card = ("--card", "hw:USB")
        self.assertNotIn("no sound card", self.setup(*ANSWERS, *card))
        # What was chosen while it was plugged in is no error while it is not.
        appliance.take_cards(self.root)
        before = appliance.tree(self.root)
        for again in ((), card):
            said = self.here(*ANSWERS, *again)
            self.assertIn('no sound card "hw:USB" now; there are: none at all', said)
            self.assertIn("Everything was as it should be.", said)
        self.assertEqual(appliance.tree(self.root), before)
        # Another one is, on the machine itself; what another machine will have cannot be told here.
        appliance.put_card(self.root)
        another = ("--card", "Scarlett")
        self.assertIn("there are: USB", self.here(*ANSWERS, *another, status=2))
        self.assertEqual(self.read("etc/matriz/audio.conf"), before["etc/matriz/audio.conf"])
        self.assertIn('no sound card "Scarlett" now', self.setup(*ANSWERS, *another))
        self.assertIn("DEVICE=Scarlett\n", self.read("etc/matriz/audio.conf"))

    def test_questions(self):
        appliance.raspberry_pi(self.root)
        appliance.put_card(self.root, 2, "Scarlett", "Scarlett 2i2 USB")
        ours, theirs = pty.openpty()
        with subprocess.Popen([appliance.SETUP, "--root", self.root], stdin=theirs, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as asked:
            # Name: the default. An empty key and a bad server are asked again.
            os.write(ours, b"\n\nk1\nftp://x\nmatriz.example.org\nScarlett\n")
            said = asked.communicate(timeout=30)[0]
        os.close(ours)
        os.close(theirs)
        self.assertEqual(asked.returncode, 0, said)
        self.assertEqual(client_json.values(self.read("etc/matriz/client.json")),
                         {"name": "raspberrypi", "key": "k1", "url": "wss://matriz.example.org/config"})
        self.assertIn("DEVICE=Scarlett\n", self.read("etc/matriz/audio.conf"))
        self.assertIn("Scarlett (Scarlett 2i2 USB; USB; in and out)", said)

    def test_smallest_clean_period(self):
        appliance.raspberry_pi(self.root)
        said = self.setup(*ANSWERS, "--dummy", "--period", "auto", "--seconds", "0.3", "--no-load")
        period = audio_conf.load(os.path.join(self.root, "etc/matriz/audio.conf")).period
        # Whether any is clean is this machine's business; that they are tried in order, and the answer kept, is ours.
        tried = re.findall(r"^  (\d+) frames \(\S+ ms\): (clean|\d+ xruns|.+)", said, re.M)
        self.assertEqual([int(frames) for frames, _ in tried], list(audio_conf.PERIODS_TRIED[:len(tried)]), said)
        if tried[-1][1] == "clean":
            self.assertEqual(period, int(tried[-1][0]))
            self.assertNotIn("clean", [result for _, result in tried[:-1]])
        else:
            self.assertIn("none is clean", said)
            self.assertEqual(period, audio_conf.AudioConf().period)

    def test_period_of_a_card_that_is_not_there(self):
        appliance.put_units(self.root)
        self.assertIn("needs the sound card", self.setup(*ANSWERS, "--period", "auto", status=2))


class EndedTest(SetupCase):
    """matriz-setup --period auto on a running system, whose jackd is a script too."""

    def setUp(self):
        super().setUp()
        appliance.raspberry_pi(self.root)

    def start(self):
        return self.live(*ANSWERS, "--dummy", "--period", "auto", "--no-load")

    def changes(self):
        """What systemctl was asked to do to running units."""
        with open(self.log, encoding="ascii") as log:
            return [line.strip() for line in log if line.startswith(("start", "stop", "restart"))]

    STOPPED = ["stop matriz.service", "stop matriz-jackd.service"]
    PUT_BACK = [*STOPPED, "start matriz-jackd.service matriz.service"]

    def test_signals(self):
        self.program("jackd", "exec /bin/sleep 100")
        trying = os.path.join(self.stage.folder, "trying")
        self.program("jack_wait", f"echo >{trying}; exec /bin/sleep 100")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number), self.start() as ended:
                wait_for(lambda: os.path.exists(trying), 20, "jackd to be tried")
                ended.send_signal(number)
                said = ended.communicate(timeout=30)[0]
                self.assertEqual(ended.returncode, 128 + number, said)
                self.assertEqual(self.changes(), self.PUT_BACK)
                self.assertFalse(os.path.exists(os.path.join(self.root, "etc/matriz/client.json")))
            os.remove(trying)
            os.remove(self.log)

    def test_error(self):
        with self.start() as ended:  # there is no jackd
            said = ended.communicate(timeout=30)[0]
        self.assertEqual(ended.returncode, 1, said)
        self.assertEqual(self.changes(), self.PUT_BACK)

    def test_good_end(self):
        for name in ("jackd", "jack_wait"):
            self.program(name, "exit 1")
        with self.start() as ended:
            said = ended.communicate(timeout=30)[0]
        self.assertEqual(ended.returncode, 0, said)
        self.assertIn("none is clean", said)
        self.assertEqual(self.changes(),
                         [*self.STOPPED, "restart matriz-jackd.service matriz.service matriz-governor.service"])


class PartsTest(unittest.TestCase):
    def test_bad_audio_conf(self):
        for text, words in (("PERIOD=\"12", ":1: "), ("\nPERIOD=63\n", ":2: PERIOD: 63 is no power"), ("DEVICE", "not KEY=value"),
                            ("SPEED=3", "SPEED is not known; accepted: DEVICE,"), ("period=64", "period is not known"),
                            ("DRIVER=oss", "accepted: alsa, dummy"), ("RATE=48000 PERIOD=64", "not KEY=value")):
            with self.assertRaisesRegex(audio_conf.Bad, words):
                audio_conf.parse(text)
        conf = audio_conf.AudioConf(device="hw:A B", options="-S -o 2")
        self.assertEqual(audio_conf.parse(conf.text()), conf)

    def test_jackd_arguments(self):
        conf = audio_conf.AudioConf(period=64)
        both = alsa.Card(1, "USB", "x", True, True, True)
        self.assertEqual(conf.jackd(both)[-4:], ["-n", "3", "-d", "hw:USB"])
        self.assertEqual(conf.jackd(alsa.Card(1, "Mic", "x", True, True, False))[-2:], ["-C", "hw:Mic"])
        self.assertEqual(conf.jackd(alsa.Card(1, "Amp", "x", True, False, True))[-2:], ["-P", "hw:Amp"])
        self.assertNotIn("-n", audio_conf.AudioConf(driver="dummy").jackd())

    def test_card_that_is_meant(self):
        root = self.enterContext(tempfile.TemporaryDirectory())
        appliance.put_card(root, 0, "Headphones", usb=False, ways="p")
        appliance.put_card(root, 1, "Mic", ways="c")
        appliance.put_card(root, 2)
        appliance.write(os.path.join(root, "proc/asound/card2/pcm1p/info"), "card: 2\n")
        for device, meant in (("auto", "hw:USB"), ("Mic", "hw:Mic"), ("hw:USB", "hw:USB"), ("0", "hw:Headphones"),
                              ("hw:1", "hw:Mic"), ("hw:USB,1", "hw:USB,1"), ("2,1,0", "hw:USB,1,0")):
            card = alsa.choose(device, root)
            self.assertEqual(card.device, meant)
            self.assertEqual(alsa.choose(card.device, root), card)  # so it is found again
        self.assertEqual(audio_conf.AudioConf().jackd(alsa.choose("hw:USB,1", root))[-2:], ["-P", "hw:USB,1"])
        self.assertEqual(audio_conf.AudioConf().jackd(alsa.choose("hw:USB,0", root))[-2:], ["-d", "hw:USB,0"])
        for nothing in ("3", "US", "hw:USB,2", "USB,", "USB,x", "hw:"):
            self.assertIsNone(alsa.choose(nothing, root), nothing)

    def test_config_edited_in_place(self):
        for before in ("{}", "{ }", '{"a":1}', '{"b": {"key": [1, "}"]}, "key" : "old" /* , */ , "c": "//"}',
                       '// {\n{\n  "key":"x",\n  "url": null\n}', "/* a */ {\"x\":[{}]}\n"):
            wanted = {"key": 'n"\\ew', "url": "wss://h/config"}
            after = client_json.changed(before, wanted)
            self.assertEqual(client_json.values(after), {**client_json.values(before), **wanted}, before)
            self.assertEqual(client_json.changed(after, wanted), after)
        for bad in ("[]", "{", '{"a" 1}', "x", '{"a":1} {"b":2}'):
            with self.assertRaises(client_json.Bad):
                client_json.changed(bad, {"key": "k"})


if __name__ == "__main__":
    main()
