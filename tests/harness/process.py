# SPDX-License-Identifier: GPL-3.0-or-later
"""One program under test: started with its own log file, watched, always ended."""
import ctypes
import fcntl
import os
import re
import signal
import subprocess
import sys
import termios

from .wait import PATIENCE, wait_for

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_parent():
    # Even a SIGKILL of the test leaves no program behind. Runs between fork and exec.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _die_with_parent_at_a_terminal():
    _die_with_parent()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Process:
    """A started program. Its standard output and error go to `log_path`, together."""

    def __init__(self, name, argv, log_path, cwd=None, env=None, stdin=subprocess.DEVNULL, terminal=False):
        """`terminal`: stdin is one, and the program is in its foreground."""
        self.name = name
        self.argv = [str(a) for a in argv]
        self.log_path = log_path
        self._log = open(log_path, "ab")
        self._stopped = False
        self.popen = subprocess.Popen(self.argv, stdin=stdin, stdout=self._log, stderr=subprocess.STDOUT, cwd=cwd,
                                      env={**os.environ, **(env or {})}, preexec_fn=_die_with_parent_at_a_terminal if terminal else _die_with_parent,
                                      start_new_session=True)  # Ctrl-C is for us; we end our programs in order

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_log(self, pattern, timeout=10.0, after=0):
        """Waits until the log, from character `after` on, matches; returns the match."""
        def found():
            match = re.search(pattern, self.log()[after:])
            if not match and not self.running():
                raise AssertionError(f"{self.name} ended with {self.popen.returncode} before it said /{pattern}/")
            return match
        return wait_for(found, timeout, f"{self.name} to say /{pattern}/")

    def wait_exit(self, timeout=10.0):
        wait_for(lambda: not self.running(), timeout, f"{self.name} to end")
        self._stopped = True
        return self.popen.returncode

    def signal(self, number):
        if self.running():
            self.popen.send_signal(number)

    def kill(self):
        """As a crash would: SIGKILL, no farewell."""
        self._stopped = True
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self, timeout=10.0):
        """SIGTERM, then SIGKILL after `timeout` seconds, times PATIENCE; returns the exit status (-9: it had to be killed)."""
        self._stopped = True
        self.signal(signal.SIGTERM)
        try:
            self.popen.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            print(f"{self.name} ignored SIGTERM for {timeout * PATIENCE:g} s; killed", file=sys.stderr)
            self.popen.kill()
            self.popen.wait()
        self._log.close()
        return self.popen.returncode

    def died(self):
        """The exit status if it ended and nobody asked it to, else None."""
        return None if self._stopped or self.running() else self.popen.returncode

    # What leaks are counted in.
    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def descriptor_targets(self):
        targets = []
        for entry in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                targets.append(os.readlink(f"/proc/{self.pid}/fd/{entry}"))
            except OSError:
                pass  # closed meanwhile
        return sorted(targets)

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def resident_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def least(self):
        """(descriptors, threads, KiB): the least of what is seen while it settles."""
        seen = []
        wait_for(lambda: seen.append((self.descriptors(), self.threads(), self.resident_kib())) or len(seen) >= 40, 20)
        return tuple(min(sample[i] for sample in seen) for i in range(3))

    def assert_grew_less(self, before_kib, limit_kib):
        """Says by how much, too. Sanitizers keep what was freed, and tell of leaks themselves."""
        kib = self.least()[2]
        print(f"# {self.name}: {before_kib} → {kib} KiB", flush=True)
        assert kib - before_kib < limit_kib or "ASAN_OPTIONS" in os.environ, f"{self.name}: {before_kib} → {kib} KiB"


def tail(path, lines=60):
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])
    except OSError as error:
        return f"({error})\n"
