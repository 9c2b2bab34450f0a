# SPDX-License-Identifier: GPL-3.0-or-later
"""Which is the smallest period that a sound card plays cleanly? Tried with jackd itself, counted by a JACK client.

Run as a program, this is that client: it prints the xruns and the frames that passed while it watched.
"""
import contextlib
import ctypes
import dataclasses
import os
import subprocess
import sys
import time

NO_START_SERVER = 0x01
SERVER_NAME = 0x04


class Failed(Exception):
    """jackd does not run at all with these settings."""


def watch(server, seconds):
    """(xruns, frames passed) on a running JACK server within `seconds`. One server in a process's life."""
    jack = ctypes.CDLL("libjack.so.0")
    jack.jack_client_open.restype = ctypes.c_void_p
    jack.jack_last_frame_time.restype = ctypes.c_uint32
    status = ctypes.c_int()
    client = jack.jack_client_open(b"matriz-setup", NO_START_SERVER | SERVER_NAME, ctypes.byref(status),
                                   ctypes.c_char_p(server.encode()))
    if not client:
        raise Failed(f"the JACK server {server} takes no client (status {status.value:#x})")
    xruns = 0

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    def on_xrun(_):
        nonlocal xruns
        xruns += 1
        return 0

    handle = ctypes.c_void_p(client)
    jack.jack_set_xrun_callback(handle, on_xrun, None)
    jack.jack_activate(handle)
    time.sleep(0.5)  # the graph change of our own coming is not the card's fault
    xruns, start = 0, jack.jack_last_frame_time(handle)
    time.sleep(seconds)
    result = xruns, (jack.jack_last_frame_time(handle) - start) % 2**32
    jack.jack_client_close(handle)
    return result


@contextlib.contextmanager
def load(processes):
    """As many busy processes: a period that is clean only on an idle machine is not clean."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: sum(range(1000))"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _jackd(argv, server):
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "JACK_NO_AUDIO_RESERVATION": "1"}) as process:
        try:
            done = subprocess.run(["jack_wait", "-s", server, "-w", "-t", "5"], stdin=subprocess.DEVNULL,
                                  capture_output=True, check=False)
            if done.returncode != 0 or process.poll() is not None:
                process.kill()
                said = [line for line in process.communicate()[0].decode(errors="replace").splitlines() if line.strip()]
                raise Failed(f"jackd does not start: {said[-1] if said else 'it says nothing'}")
            yield
        finally:
            process.terminate()
            try:
                process.communicate(timeout=3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def xruns(conf, card, seconds):
    """How many xruns `conf` has on `card` in `seconds`. Raises Failed."""
    server = f"matriz-setup-{os.getpid()}"
    conf = dataclasses.replace(conf, server=server)
    with _jackd(conf.jackd(card), server):
        done = subprocess.run([sys.executable, os.path.realpath(__file__), server, str(seconds)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed((done.stderr.strip().splitlines() or ["the JACK client failed"])[-1])
    count, frames = map(int, done.stdout.split()[-2:])
    # A driver that stands still has no xruns either.
    if frames < conf.rate * seconds * 0.9:
        raise Failed(f"only {frames} of {conf.rate * seconds:.0f} frames passed")
    return count


def smallest_clean(conf, card, tried, seconds, busy, out=print):
    """The first of the periods `tried`, ascending, without an xrun; None when none is."""
    with load(busy):
        for period in tried:
            told = f"  {period} frames ({1000 * period / conf.rate:.2f} ms): "
            try:
                count = xruns(dataclasses.replace(conf, period=period), card, seconds)
            except Failed as error:
                out(told + str(error))
                continue
            out(told + ("clean" if count == 0 else f"{count} xruns") + f" in {seconds:g} s")
            if count == 0:
                return period
    return None


if __name__ == "__main__":
    try:
        print(*watch(sys.argv[1], float(sys.argv[2])))
    except (Failed, OSError) as failure:
        sys.exit(str(failure))
