# SPDX-License-Identifier: GPL-3.0-or-later
"""Registers as eight nodes of the original protocol, whose streams plain GStreamer serves: something to hear that is
cheap, the same for every listener, and not ours. Runs on a host of the network: senders.py URL NAME=PORT..."""
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from harness.original_client import OriginalClient  # noqa: E402  pylint: disable=wrong-import-position


def main():
    clients = []
    for pair in sys.argv[2:]:
        name, port = pair.split("=")
        clients.append(OriginalClient(sys.argv[1], name, f"key-of-{name}", int(port)).start())
    print("registered", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    for client in clients:
        client.stop()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
