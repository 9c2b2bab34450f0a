# SPDX-License-Identifier: GPL-3.0-or-later
"""sd_notify(3) without a library."""
import os
import socket


def tell(*lines):
    """Tells the service manager `lines` ("READY=1"); does nothing when none listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        try:
            out.sendto("\n".join(lines).encode(), address)
        except OSError:
            pass  # the manager is going away; so shall we
