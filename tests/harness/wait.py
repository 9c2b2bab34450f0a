# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a condition, never for time to pass."""
import os
import threading
import time

# Sanitizer builds and loaded machines are slower; a wait that succeeds costs no more for it.
PATIENCE = float(os.environ.get("MATRIZ_PATIENCE", "1"))


class Event(threading.Event):
    """A threading.Event whose time-out, too, is in seconds times PATIENCE."""

    def wait(self, timeout=None):
        return super().wait(None if timeout is None else timeout * PATIENCE)


class NotReached(AssertionError):
    """A condition did not come true in time."""


def wait_for(condition, timeout=10.0, what="the condition", interval=0.05):
    """Returns the first true value of condition(); raises NotReached after `timeout` seconds (times PATIENCE).

    What condition() raises of OSError and KeyError means "not yet"; the last one is told if it stays so.
    """
    deadline = time.monotonic() + timeout * PATIENCE
    trouble = None
    while True:
        try:
            value = condition()
            if value:
                return value
            trouble = None
        except (OSError, KeyError) as error:
            trouble = error
        if time.monotonic() > deadline:
            told = f" (last: {trouble!r})" if trouble else ""
            raise NotReached(f"waited {timeout * PATIENCE:g} s in vain for {what}{told}")
        time.sleep(interval)


def holds_for(condition, seconds, what="the condition", interval=0.1):
    """Raises NotReached as soon as condition() is false within the next `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            raise NotReached(f"{what} did not hold for {seconds:g} s")
        time.sleep(interval)
