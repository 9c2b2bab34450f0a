# SPDX-License-Identifier: GPL-3.0-or-later
"""Sound cards, as /proc/asound tells of them. `root` is "/" but for tests."""
import os
import re
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Card:
    index: int
    name: str       # ALSA's short name, stable across plugging: "USB"
    title: str      # "Scarlett 2i2 USB"
    usb: bool
    capture: bool
    playback: bool
    pcm: str = ""   # ",1": of its devices the one that was asked for; then `capture` and `playback` are that one's

    @property
    def device(self):
        return f"hw:{self.name}{self.pcm}"

    def describe(self):
        ways = [way for way, there in (("in", self.capture), ("out", self.playback)) if there]
        return f"{self.name} ({self.title}; {'USB' if self.usb else 'built in'}; {' and '.join(ways) or 'no audio'})"


def _folder(root, *parts):
    return os.path.join(root, "proc/asound", *parts)


def cards(root="/"):
    """All cards now, in ALSA's order."""
    try:
        with open(_folder(root, "cards"), encoding="utf-8", errors="replace") as table:
            text = table.read()
    except OSError:
        return []
    found = []
    for index, name, title in re.findall(r"^ *(\d+) \[(\S+) *\]: .*? - (.*)$", text, re.M):
        folder = _folder(root, f"card{index}")
        try:
            entries = os.listdir(folder)
        except OSError:
            continue  # unplugged between the two looks
        found.append(Card(int(index), name, title.strip(), "usbid" in entries,
                          any(re.fullmatch(r"pcm\d+c", entry) for entry in entries),
                          any(re.fullmatch(r"pcm\d+p", entry) for entry in entries)))
    return found


def is_card(device):
    """Does DEVICE of audio.conf mean a card? Else it is a device of ALSA's own making ("plughw:USB"), no card to wait for."""
    return ":" not in device.removeprefix("hw:")


def choose(device, root="/"):
    """The card that DEVICE of audio.conf means ("auto", "USB", "hw:USB", "hw:1", "hw:USB,1"), or None while it is not there.

    auto: the first USB card that plays and records, else the first USB card.
    """
    now = [card for card in cards(root) if card.capture or card.playback]
    if device == "auto":
        usb = sorted((card for card in now if card.usb), key=lambda card: not (card.capture and card.playback))
        return usb[0] if usb else None
    name, comma, pcm = device.removeprefix("hw:").partition(",")
    card = next((card for card in now if name in (card.name, str(card.index))), None)
    if not card or not comma:
        return card
    streams = [_folder(root, f"card{card.index}", f"pcm{pcm.split(',')[0]}{way}") for way in "cp"]
    capture, playback = map(os.path.isdir, streams)
    return replace(card, capture=capture, playback=playback, pcm=comma + pcm) if capture or playback else None


def positions(card, root="/"):
    """Where the hardware is in each running stream: {stream: frames}. Empty where the kernel does not tell."""
    told = {}
    folder = _folder(root, f"card{card.index}")
    try:
        streams = [entry for entry in os.listdir(folder) if re.fullmatch(r"pcm\d+[cp]", entry)]
    except OSError:
        return told
    for stream in streams:
        try:
            with open(os.path.join(folder, stream, "sub0/status"), encoding="ascii", errors="replace") as status:
                pointer = re.search(r"^hw_ptr\s*: *(\d+)", status.read(), re.M)
        except OSError:
            continue
        if pointer:
            told[stream] = int(pointer.group(1))
    return told
