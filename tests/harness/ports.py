# SPDX-License-Identifier: GPL-3.0-or-later
"""Port numbers that nobody else takes: blocks of 100, each held for the life of this process."""
import random
import socket

FIRST, SIZE, BLOCKS = 10000, 100, 220  # below the ephemeral range, which starts at 32768

_held = []  # bound sockets; closing one would give its block away


class Block:
    """100 ports in a row; take() hands out one at a time, take_range() a run of them."""

    def __init__(self, first):
        self.first = first
        self.next = first

    def take(self):
        return self.take_range(1)[0]

    def take_range(self, count):
        """(first, last), both included."""
        if self.next + count > self.first + SIZE:
            raise RuntimeError("this block of ports is used up; reserve another")
        first = self.next
        self.next += count
        return first, first + count - 1


def _all_free(first):
    for port in range(first, first + SIZE):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                try:
                    probe.bind(("0.0.0.0", port))
                except OSError:
                    return False
    return True


def reserve():
    """A Block of ports that are free now and that no other harness on this machine will use meanwhile."""
    for index in random.sample(range(BLOCKS), BLOCKS):
        # An abstract socket's name is a lock that the kernel drops with the process, and no file to clean up.
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            lock.bind(f"\0matriz-test-ports-{index}")
        except OSError:
            lock.close()
            continue
        if _all_free(FIRST + index * SIZE):
            _held.append(lock)
            return Block(FIRST + index * SIZE)
        lock.close()
    raise RuntimeError("no free block of ports on this machine")
