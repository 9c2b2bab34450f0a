# SPDX-License-Identifier: GPL-3.0-or-later
"""What the appliance's tests share: the scripts, and roots of systems that look like a Raspberry Pi's."""
import os
import shutil
import subprocess
import sys
import time

from harness.wait import PATIENCE

SOURCE = os.environ.get("MATRIZ_SOURCE_DIR") or os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
SETUP = os.path.join(SOURCE, "setup/matriz-setup")
KEEPER = os.path.join(SOURCE, "setup/matriz-jackd")
sys.path.append(os.path.join(SOURCE, "setup"))

CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=4f8e1234-02 rootfstype=ext4 fsck.repair=yes rootwait quiet\n"
CONFIG = "# For more options see http://rptl.io/configtxt\ndtparam=audio=on\ndtoverlay=vc4-kms-v3d\n\n[cm5]\ndtoverlay=dwc2\n"


def build_dir():
    return os.environ["MATRIZ_BUILD_DIR"]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def put_card(root, index=1, name="USB", title="USB Audio CODEC", usb=True, ways="cp"):
    """A sound card appears, as the kernel shows it. Other cards stay."""
    folder = os.path.join(root, "proc/asound")
    for way in ways:
        write(os.path.join(folder, f"card{index}/pcm0{way}/info"), "card: 1\n")
    write(os.path.join(folder, f"card{index}/id"), name + "\n")
    if usb:
        write(os.path.join(folder, f"card{index}/usbid"), "08bb:2902\n")
    table = os.path.join(folder, "cards")
    before = ""
    if os.path.exists(table):
        with open(table, encoding="utf-8") as source:
            before = source.read()
    write(table, before + f"{index:2} [{name:15}]: {'USB-Audio' if usb else 'bcm2835'} - {title}\n"
          f"{'':22}{title} at usb-0000:01:00.0-1.3, full speed\n")


def take_cards(root):
    """All sound cards are unplugged."""
    shutil.rmtree(os.path.join(root, "proc/asound"))
    write(os.path.join(root, "proc/asound/cards"), "--- no soundcards ---\n")


def raspberry_pi(root):
    """The parts of Raspberry Pi OS (bookworm) that set-up looks at."""
    write(os.path.join(root, "boot/firmware/cmdline.txt"), CMDLINE)
    write(os.path.join(root, "boot/firmware/config.txt"), CONFIG)
    write(os.path.join(root, "etc/hostname"), "raspberrypi\n")
    put_card(root, 0, "Headphones", "bcm2835 Headphones", usb=False, ways="p")
    put_card(root)
    put_units(root)
    return root


def put_units(root):
    units = os.path.join(root, "lib/systemd/system")
    os.makedirs(units, exist_ok=True)
    built = os.path.join(build_dir(), "systemd")
    for name in os.listdir(built):
        if name.endswith(".service"):
            shutil.copy(os.path.join(built, name), units)


def tree(root):
    """{path: content, or target of a link} of everything below root."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path):
                found[os.path.relpath(path, root)] = os.readlink(path)
            else:
                with open(path, encoding="utf-8") as source:
                    found[os.path.relpath(path, root)] = source.read()
    return found


PLAYS_AGAIN = 5.0  # s after the cause of a silence has gone, at the latest


def assert_plays_again(case, what, wait):
    """wait() waits until all play again, longer than that may take; called when the cause is gone."""
    start = time.monotonic()
    wait()
    took = time.monotonic() - start
    print(f"# plays again {took:.1f} s {what}", flush=True)
    case.assertLessEqual(took, PLAYS_AGAIN * PATIENCE, f"seconds {what} until all played again")


def run(*argv, **options):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False,
                          **{"stdin": subprocess.DEVNULL, **options})
