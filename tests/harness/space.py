# SPDX-License-Identifier: GPL-3.0-or-later
"""A network namespace without a name: it lives as long as this process, or a program in it, and leaves nothing behind."""
import concurrent.futures
import ctypes
import os
import subprocess

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def _checked(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _make():
    """A descriptor of a new namespace. On a thread of its own, which ends with it."""
    _checked(_libc.unshare(_CLONE_NEWNET), "make a network namespace")
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def why_not():
    """Why no namespace can be made here, or None."""
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            os.close(thread.submit(_make).result())
    except OSError as error:
        return str(error)
    return None


class Space:
    def __init__(self, name):
        self.name = name
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            self._fd = thread.submit(_make).result()
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"
        self._threads = concurrent.futures.ThreadPoolExecutor(4, thread_name_prefix=name, initializer=self.enter)
        self.run("ip", "link", "set", "lo", "up")

    def enter(self):
        """Moves the calling thread in here, for good: for a thread that serves something in this namespace."""
        _checked(_libc.setns(self._fd, _CLONE_NEWNET), f"enter {self.name}")

    def call(self, function, *args, **kwargs):
        """function(*args), on a thread in here. A socket stays in the namespace where it was made."""
        return self._threads.submit(function, *args, **kwargs).result()

    def on(self, argv):
        """The command line that runs `argv` in here; it becomes that program, same process id."""
        return ["nsenter", f"--net={self.path}", *(str(a) for a in argv)]

    def run(self, *argv, text=None):
        """Runs to its end; returns what it printed, raises ValueError when it fails."""
        done = subprocess.run(self.on(argv), input=text, capture_output=True, text=True, check=False, timeout=30,
                              **({} if text else {"stdin": subprocess.DEVNULL}))
        if done.returncode != 0:
            raise ValueError(f"{' '.join(map(str, argv))} in {self.name}: {done.stderr.strip()}")
        return done.stdout

    def ip(self, line, family=None):
        """`ip` with these words."""
        return self.run("ip", *([f"-{family}"] if family else []), *line.split())

    def sysctl(self, **values):
        """net__ipv4__ip_forward=1: two underscores are a slash."""
        script = "".join(f"echo {value} > /proc/sys/{key.replace('__', '/')}\n" for key, value in values.items())
        self.run("sh", "-ec", script)

    def close(self):
        self._threads.shutdown()
        os.close(self._fd)
