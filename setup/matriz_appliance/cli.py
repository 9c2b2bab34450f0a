# SPDX-License-Identifier: GPL-3.0-or-later
"""matriz-setup: three questions or flags, and the machine is a matriz box."""
import argparse
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import urllib.parse

from . import alsa, audio_conf, client_json, periods, tuning
from .ground import SIGNALS, Ground, ignore_signals

EPILOG = """\
Without flags it asks. It can be run again at any time: what is as it should be stays untouched, and what was answered
before is the default. Everything it changes is in /var/lib/matriz-setup/journal.json, and --undo takes it back.
"""


class Refused(Exception):
    """An answer that cannot be."""


class Ended(BaseException):
    """A signal asks the program to end; what it has stopped is started again first."""

    def __init__(self, number):
        super().__init__(number)
        self.status = 128 + number


def parser():
    p = argparse.ArgumentParser(prog="matriz-setup", description="Makes this machine a matriz box.", epilog=EPILOG)
    who = p.add_argument_group("this place (asked for when not given)")
    who.add_argument("--name", metavar="NAME", help="this node's name, as the config server knows it")
    who.add_argument("--key", metavar="KEY", help="its secret; - reads it from the first line of standard input")
    who.add_argument("--url", metavar="URL", help="the config server: wss://HOST, ws://HOST:5000, or just HOST")
    who.add_argument("--card", metavar="CARD", help="sound card: its name in --list-cards, or auto for the first USB card")
    sound = p.add_argument_group("sound")
    sound.add_argument("--period", metavar="FRAMES", help="JACK period, or auto: the smallest that the card plays cleanly")
    sound.add_argument("--periods", metavar="N", type=int, help="periods in the card's buffer (default 3)")
    sound.add_argument("--rate", metavar="HZ", type=int, help="sample rate (default 48000)")
    sound.add_argument("--seconds", metavar="S", type=float, default=10, help="--period auto: how long each is tried (10)")
    sound.add_argument("--no-load", action="store_true", help="--period auto: do not keep the CPU busy meanwhile")
    sound.add_argument("--dummy", action="store_true", help="no sound card: JACK runs on its dummy driver")
    what = p.add_argument_group("what to change, or leave alone (remembered)")
    for name, text in (("boot", "the Raspberry Pi's config.txt and cmdline.txt"), ("governor", "the CPU's speed"),
                       ("system", "limits, D-Bus policy and the desktop's sound server")):
        what.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, help=text)
    pi = p.add_argument_group("Raspberry Pi (remembered)")
    for name, off, on in (("radio", "also switch Wi-Fi and Bluetooth off", "leave them on, the default"),
                          ("usb-fiq", "for a Pi 1 to 3 or Zero whose USB card crackles", "as usual, the default")):
        dest = name.replace("-", "_")
        pi.add_argument(f"--{name}-off", dest=dest, action="store_const", const=False, help=off)
        pi.add_argument(f"--{name}-on", dest=dest, action="store_const", const=True, help=on)
    how = p.add_argument_group("how")
    how.add_argument("--yes", action="store_true", help="ask nothing; take defaults for what is not given")
    how.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    how.add_argument("--undo", action="store_true", help="take back all that matriz-setup did")
    how.add_argument("--force", action="store_true", help="--undo: also files that were changed since")
    how.add_argument("--keep-config", action="store_true", help="--undo: leave client.json and audio.conf")
    how.add_argument("--list-cards", action="store_true", help="show the sound cards and end")
    how.add_argument("--root", metavar="DIR", default="/", help="set up the system below DIR: a mounted SD card")
    return p


def server_url(text):
    """The URL that the node takes, from what people write."""
    text = text.strip()
    if "://" not in text:
        text = "wss://" + text
    try:
        parts = urllib.parse.urlsplit(text)
        good = parts.scheme in ("ws", "wss") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or any(c.isspace() for c in text):
        raise Refused(f"\"{text}\" is no server: write wss://HOST, ws://HOST:PORT or just HOST")
    return urllib.parse.urlunsplit(parts._replace(path="/config" if parts.path in ("", "/") else parts.path))


def node_name(text):
    text = text.strip()
    if not text or len(text.encode()) > 64 or not text.isprintable():
        raise Refused("a name has 1 to 64 bytes of printable text")
    return text


def node_key(text):
    text = text.strip()
    if not text:
        raise Refused("the key is empty; the one who runs the config server gives it to you")
    return text


def sound_card(text, ground, before):
    """`before`: what audio.conf says now. That may be unplugged, and no other machine tells here what it will have."""
    text = text.strip()
    if not text or not text.isprintable():
        raise Refused("a sound card has a name; --list-cards shows it")
    if text != "auto" and alsa.is_card(text) and alsa.choose(text, ground.root) is None:
        known = ", ".join(card.name for card in alsa.cards(ground.root)) or "none at all"
        if ground.live and text != before:
            raise Refused(f"no sound card \"{text}\"; there are: {known}")
        print(f"  no sound card \"{text}\" now; there are: {known}. JACK starts when it is there")
    return text


class Questions:
    """Takes an answer from its flag, else from the terminal, else the default."""

    def __init__(self, ask, source=input):
        self.asks = ask
        self._source = source

    def answer(self, given, question, default, check, shown=None):
        if given is not None:
            return check(given)
        while self.asks:
            hint = f" [{shown or default}]" if default else ""
            try:
                return check(self._source(f"{question}{hint}: ").strip() or default)
            except Refused as error:
                print(f"  {error}")
        return check(default)


def choose_card(options, ground, questions, default):
    """Where there is no choice there is no question."""
    present = alsa.cards(ground.root)
    if options.card is None and sum(card.usb for card in present) <= 1 and default == "auto":
        return default
    if options.card is None and questions.asks:
        for card in present:
            print(f"  sound card {card.describe()}")
    return questions.answer(options.card, "Sound card", default, lambda text: sound_card(text, ground, default))


def ask(options, ground, questions):
    """What client.json and audio.conf shall hold."""
    before = client_json.values(ground.read(tuning.CLIENT) or "{}")
    conf = audio_conf.load(ground.path(audio_conf.PATH))
    hostname = (ground.read("etc/hostname") or socket.gethostname()).strip()
    wanted = {
        "name": questions.answer(options.name, "Name of this place", before.get("name") or hostname, node_name),
        "key": questions.answer(options.key, "Its key", before.get("key") or "", node_key,
                                shown="the present one" if before.get("key") else None),
        "url": questions.answer(options.url, "Config server", before.get("url") or "", server_url),
    }
    if options.dummy:
        conf = dataclasses.replace(conf, driver="dummy", device="auto")
    elif options.card is not None or conf.driver != "dummy":
        conf = dataclasses.replace(conf, driver="alsa", device=choose_card(options, ground, questions, conf.device))
    numbers = {key: value for key in ("rate", "periods") if (value := getattr(options, key)) is not None}
    if options.period not in (None, "auto"):
        numbers["period"] = options.period
    lines = [f"{key.upper()}={value}" for key, value in numbers.items()]
    try:
        checked = audio_conf.parse("\n".join(lines), "matriz-setup")
    except audio_conf.Bad as error:
        raise Refused(str(error).split(": ", 1)[1]) from error
    return wanted, dataclasses.replace(conf, **{key: getattr(checked, key) for key in numbers})


def find_period(options, ground, conf):
    """conf with the smallest clean period of its card."""
    card = alsa.choose(conf.device, ground.root) if conf.driver == "alsa" else None
    if conf.driver == "alsa" and card is None and alsa.is_card(conf.device):
        raise Refused("--period auto needs the sound card plugged in")
    print(f"Looking for the smallest clean period{' of ' + card.describe() if card else ''}:")
    if options.dry_run:
        print("  would try " + ", ".join(map(str, audio_conf.PERIODS_TRIED)))
        return conf
    for unit in ("matriz.service", "matriz-jackd.service"):
        if ground.stop(unit):
            print(f"  {unit} is stopped for it, and started again afterwards")
    busy = 0 if options.no_load else os.cpu_count() or 1
    found = periods.smallest_clean(conf, card, audio_conf.PERIODS_TRIED, options.seconds, busy)
    if found is None:
        print(f"  none is clean; keeping {conf.period}. \"Crackles\" in /usr/share/doc/matriz/docs/appliance.md says what helps.")
        return conf
    return dataclasses.replace(conf, period=found)


def check_config(ground):
    """The node's own verdict on its config, where the node is installed here."""
    if ground.dry_run or not ground.live or not os.access("/usr/bin/matriz", os.X_OK):
        return
    done = subprocess.run(["/usr/bin/matriz", "--check", ground.path(tuning.CLIENT)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused((done.stderr or done.stdout).strip())


def change_machine(options, ground, conf):
    """Whether a restart is needed for it, and whether the CPU's speed was set."""
    def may(name, what):
        yes = ground.choice(name, getattr(options, name))
        if not yes:
            print(f"  left alone: {what} (--{name} changes that)")
        return yes

    if may("system", "limits, D-Bus policy and the desktop's sound server"):
        tuning.limits(ground)
        tuning.reservation(ground)
        tuning.desktop(ground, conf)
    governor = may("governor", "the CPU's speed")
    if governor:
        tuning.governor(ground)
    radio, usb_fiq = ground.choice("radio", options.radio), ground.choice("usb_fiq", options.usb_fiq)
    return may("boot", "config.txt and cmdline.txt") and tuning.boot(ground, radio, usb_fiq), governor


def set_up(options):
    ground = Ground(options.root, options.dry_run)
    try:
        return change(options, ground)
    except BaseException:
        ground.put_back()
        raise


def change(options, ground):
    questions = Questions(not options.yes and sys.stdin.isatty())
    if options.key == "-":
        options.key = sys.stdin.readline()
    wanted, conf = ask(options, ground, questions)
    if options.period == "auto":
        conf = find_period(options, ground, conf)
    print("This place:")
    tuning.client(ground, wanted)
    tuning.audio(ground, conf)
    check_config(ground)
    print("This machine:")
    reboot, governor = change_machine(options, ground, conf)
    units = ["matriz-jackd.service", "matriz.service"]
    for unit in units:
        ground.enable(unit, "starts with the machine")
    if ground.changes or options.period == "auto":
        ground.restart(*units, *(["matriz-governor.service"] if governor else []))
    if not ground.changes:
        print("Everything was as it should be.")
    elif options.dry_run:
        print(f"{ground.changes} changes; none was made.")
    else:
        print(f"{ground.changes} changes made. " + ("Restart the machine for those of the firmware. " if reboot else "")
              + "\"matrizctl doctor\" checks the whole way.")
    return 0


def undo(options):
    ground = Ground(options.root, options.dry_run)
    if not options.dry_run:
        for unit in ("matriz.service", "matriz-jackd.service"):
            ground.stop(unit)
    keep = (tuning.CLIENT, audio_conf.PATH) if options.keep_config else ()
    return 1 if ground.undo(options.force, keep) else 0


def end(number, _frame):
    ignore_signals()
    raise Ended(number)


def main(argv=None):
    options = parser().parse_args(argv)
    try:
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup(1)
                signal.signal(number, end)
        if options.list_cards:
            for card in alsa.cards(options.root):
                print(card.describe())
            return 0
        return undo(options) if options.undo else set_up(options)
    except (Refused, audio_conf.Bad, client_json.Bad) as error:
        print(f"matriz-setup: {error}", file=sys.stderr)
        return 2
    except PermissionError as error:
        print(f"matriz-setup: {error.filename}: permission denied; run it with sudo", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"matriz-setup: {error}", file=sys.stderr)
        return 1
    except (Ended, EOFError) as error:
        print("\nmatriz-setup: nothing more was changed", file=sys.stderr)
        return error.status if isinstance(error, Ended) else 130
