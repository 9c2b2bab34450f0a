# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes an ordinary Debian or Raspberry Pi OS good for audio. Each function makes one kind of change on a Ground."""
from . import alsa, audio_conf, client_json

CLIENT = "etc/matriz/client.json"
LIMITS = "etc/security/limits.d/95-matriz.conf"
DBUS = "etc/dbus-1/system.d/matriz-jackd.conf"
WIREPLUMBER = "etc/wireplumber/main.lua.d/90-matriz.lua"          # up to 0.4, as in bookworm
WIREPLUMBER_CONF = "etc/wireplumber/wireplumber.conf.d/90-matriz.conf"  # from 0.5 on, which reads no Lua there


def client(ground, wanted):
    """The node's config; keys that it has besides `wanted` stay."""
    text = client_json.changed(ground.read(CLIENT) or "", wanted)
    ground.write(CLIENT, text, "name, key and config server of this place", mode=0o640, group="matriz")


def audio(ground, conf):
    ground.write(audio_conf.PATH, conf.text(), "sound card, rate and period of JACK")


def limits(ground):
    ground.write(LIMITS, """\
# Written by matriz-setup. For who runs jackd or matriz by hand or under supervisor; the services bring their own.
@audio - rtprio 95
@audio - memlock unlimited
@audio - nice -19
""", "real-time priority and locked memory for the group audio")


def reservation(ground):
    """jackd reserves its card on the bus in DBUS_SESSION_BUS_ADDRESS. Where no desktop runs, who starts it by hand names the
    system bus there, which must let it; the services do without (JACK_NO_AUDIO_RESERVATION)."""
    ground.write(DBUS, """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<!-- Written by matriz-setup: jackd of these users may reserve sound cards on the system bus, where no desktop runs. -->
<busconfig>
  <policy user="matriz">
    <allow own_prefix="org.freedesktop.ReserveDevice1"/>
  </policy>
  <policy group="audio">
    <allow own_prefix="org.freedesktop.ReserveDevice1"/>
  </policy>
</busconfig>
""", "jackd by hand may reserve the sound card without a desktop")


def desktop(ground, conf):
    """A desktop's own sound server must leave the card alone. Each version of it reads one of the two files, so that both
    together also outlast an upgrade of the machine."""
    if not ground.exists("usr/share/wireplumber"):
        return
    card = alsa.choose(conf.device, ground.root)
    if card is None and conf.device != "auto" and ground.exists(WIREPLUMBER) and ground.exists(WIREPLUMBER_CONF):
        return  # unplugged: what was written when it was there holds
    cards = "alsa_card.usb" if conf.device == "auto" or (card and card.usb) else "alsa_card."
    ground.write(WIREPLUMBER, f"""\
-- Written by matriz-setup: these cards belong to JACK, PipeWire does not open them.
table.insert(alsa_monitor.rules, {{
  matches = {{ {{ {{ "device.name", "matches", "{cards}*" }} }} }},
  apply_properties = {{ ["device.disabled"] = true }},
}})
""", "PipeWire leaves the sound card to JACK")
    ground.write(WIREPLUMBER_CONF, f"""\
# Written by matriz-setup: these cards belong to JACK, PipeWire does not open them.
monitor.alsa.rules = [
  {{
    matches = [ {{ device.name = "~{cards}.*" }} ]
    actions = {{ update-props = {{ device.disabled = true }} }}
  }}
]
""", "PipeWire leaves the sound card to JACK")


def governor(ground):
    ground.enable("matriz-governor.service", "full CPU speed at all times")


def _boot_file(ground, name):
    return next((folder + name for folder in ("boot/firmware/", "boot/") if ground.exists(folder + name)), None)


def is_pi(ground):
    return _boot_file(ground, "cmdline.txt") is not None and _boot_file(ground, "config.txt") is not None


def boot(ground, radio=True, usb_fiq=True):
    """Raspberry Pi firmware and kernel settings. `radio`: Wi-Fi and Bluetooth stay on; `usb_fiq`: see appliance.md.

    Returns whether a restart is needed for them.
    """
    if not is_pi(ground):
        return False
    before = ground.changes
    lines = ["[all]",
             "# The headphone output off. HDMI's stay where vc4-kms-v3d makes them:",
             "# cards that are no USB card, which JACK takes by their names only.",
             "dtparam=audio=off"]
    if not radio:
        lines += ["# Wi-Fi and Bluetooth off: a cable is steadier, and their interrupts disturb the audio.",
                  "dtoverlay=disable-wifi", "dtoverlay=disable-bt"]
    ground.block(_boot_file(ground, "config.txt"), lines, "firmware settings")
    words = ["usbcore.autosuspend=-1"]
    if not usb_fiq:
        words.append("dwc_otg.fiq_fsm_enable=0")
    ground.words(_boot_file(ground, "cmdline.txt"), words, "kernel settings: USB never sleeps")
    return ground.changes != before
