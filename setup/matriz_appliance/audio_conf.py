# SPDX-License-Identifier: GPL-3.0-or-later
"""/etc/matriz/audio.conf: which sound card, rate and period JACK gets. KEY=value lines, as a shell or systemd reads them."""
import re
import shlex
from dataclasses import dataclass, fields

PATH = "etc/matriz/audio.conf"
PERIODS_TRIED = (32, 64, 128, 256, 512, 1024)


class Bad(Exception):
    """Something in the file that cannot be, with its line."""


@dataclass
class AudioConf:
    device: str = "auto"
    rate: int = 48000
    period: int = 128
    periods: int = 3
    priority: int = 70
    server: str = "default"
    driver: str = "alsa"
    options: str = ""

    def text(self):
        return f"""\
# The sound card of this box, read by matriz-jackd.service. After a change: systemctl restart matriz-jackd

# auto: the first USB card; or a card's name in /proc/asound/cards, which "matriz-setup --list-cards" shows; with ",1" behind
# it the second of its devices.
DEVICE={shlex.quote(self.device)}
# Frames a second; the same everywhere saves everyone a conversion.
RATE={self.rate}
# Frames a period: the smaller, the lower the latency. "matriz-setup --period auto" finds the smallest clean one.
PERIOD={self.period}
# Periods in the card's buffer: 3 suit USB cards, 2 suit most others.
PERIODS={self.periods}
# Real-time priority of jackd.
PRIORITY={self.priority}
# The JACK server's name; matriz looks for "default".
SERVER={shlex.quote(self.server)}
# alsa, or dummy: no card at all, for a place that only listens in or records.
DRIVER={self.driver}
# More options of jackd's driver, see "jackd -d alsa --help".
OPTIONS={shlex.quote(self.options)}
"""

    def jackd(self, card=None):
        """The command line of jackd on `card` (an alsa.Card, or None for DRIVER=dummy and devices that are no card)."""
        argv = ["jackd", f"--name={self.server}", "--realtime", f"--realtime-priority={self.priority}",
                "-d", self.driver, "-r", str(self.rate), "-p", str(self.period)]
        if self.driver == "alsa":
            device = card.device if card else self.device
            argv += ["-n", str(self.periods)]
            # A card without inputs, or without outputs, must be told so, or jackd gives up.
            if card and not card.capture:
                argv += ["-P", device]
            elif card and not card.playback:
                argv += ["-C", device]
            else:
                argv += ["-d", device]
        return argv + shlex.split(self.options)


LEAST = {"rate": 8000, "period": 16, "periods": 2, "priority": 1}
MOST = {"rate": 192000, "period": 8192, "periods": 16, "priority": 95}


def _value(key, text, where):
    if key not in LEAST:
        if key == "driver" and text not in ("alsa", "dummy"):
            raise Bad(f"{where}: DRIVER: \"{text}\" is not known; accepted: alsa, dummy")
        return text
    if not re.fullmatch(r"\d{1,9}", text) or not LEAST[key] <= int(text) <= MOST[key]:
        raise Bad(f"{where}: {key.upper()}: \"{text}\"; accepted: an integer from {LEAST[key]} to {MOST[key]}")
    if key == "period" and int(text) & (int(text) - 1):
        raise Bad(f"{where}: PERIOD: {text} is no power of two")
    return int(text)


def parse(text, name="audio.conf"):
    """An AudioConf from the file's text. Raises Bad with line and reason."""
    known = {field.name for field in fields(AudioConf)}
    conf = AudioConf()
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{name}:{number}"
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise Bad(f"{where}: {error}") from error
        if not words:
            continue
        key, equals, value = words[0].partition("=")
        if len(words) > 1 or not equals:
            raise Bad(f"{where}: not KEY=value (quote values that have blanks)")
        if key.lower() not in known or key != key.upper():
            raise Bad(f"{where}: {key} is not known; accepted: {', '.join(sorted(k.upper() for k in known))}")
        setattr(conf, key.lower(), _value(key.lower(), value, where))
    return conf


def load(path):
    """The AudioConf in `path`; the defaults when there is no such file."""
    try:
        with open(path, encoding="utf-8") as source:
            return parse(source.read(), path)
    except FileNotFoundError:
        return AudioConf()
