# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine that set-up changes: every change is announced, made once, written down, and can be undone."""
import copy
import grp
import hashlib
import json
import os
import signal
import subprocess
import tempfile

# What root undoes is not for the node's user to write, so it is not below /var/lib/matriz.
JOURNAL = "var/lib/matriz-setup/journal.json"
BEGIN = "# matriz-setup begin; taken out again by: matriz-setup --undo"
END = "# matriz-setup end"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # that ask a program to end


def ignore_signals():
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Ground:
    """`root` is "/" or the root of another system (a mounted SD card, a test)."""

    def __init__(self, root="/", dry_run=False, out=print):
        self.root = root
        self.dry_run = dry_run
        self._out = out
        self.changes = 0
        self._stopped = []
        self._journal = json.loads(self.read(JOURNAL) or '{"files": {}, "units": []}')

    # --- looking
    def path(self, name):
        return os.path.join(self.root, name)

    def exists(self, name):
        return os.path.lexists(self.path(name))

    def read(self, name):
        """The text of a file, or None when there is none."""
        try:
            with open(self.path(name), encoding="utf-8", errors="surrogateescape", newline="") as source:
                return source.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    @property
    def live(self):
        """Is this the running system, under systemd?"""
        return os.path.realpath(self.root) == "/" and os.path.isdir("/run/systemd/system")

    # --- choosing
    def choice(self, name, given):
        """Yes or no: what this run says, else what one before it said, else yes."""
        choices = dict(self._journal.get("choices", {}))
        if given is None:
            return choices.get(name, True)
        choices[name] = given
        kept = {key: value for key, value in choices.items() if not value}
        if kept != self._journal.get("choices", {}) and not self.dry_run:
            self._journal["choices"] = kept
            self._save()
        return given

    # --- changing
    def write(self, name, text, why, mode=0o644, group=None):
        """The whole file is ours."""
        before = self.read(name)
        entry = self._journal["files"].get(name)
        if before == text:
            self._out(f"  as it should be: /{name} ({why})")
            return
        self._announce(name, before is None, why)
        if entry is None:
            entry = {"kind": "write", "before": before, "mode": None if before is None else self._mode(name)}
        entry["after"] = _digest(text)
        self._put(name, text, mode, group)
        self._note(name, entry)

    def block(self, name, lines, why):
        """Our lines between two marks at the end of a file that is not ours."""
        before = self.read(name) or ""
        text = self._without_block(before)
        if text and not text.endswith("\n"):
            text += "\n"
        if lines:
            text += "\n".join([BEGIN, *lines, END]) + "\n"
        if text == before:
            self._out(f"  as it should be: /{name} ({why})")
            return
        self._announce(name, False, why)
        self._put(name, text, None)
        self._note(name, {"kind": "block"})

    def words(self, name, wanted, why):
        """Words of a file with one line of them (cmdline.txt). `a=b` takes the place of any other `a=…`; words of an
        earlier run that are no longer `wanted` go, and what was in their place comes back."""
        before = self.read(name) or ""
        entry = copy.deepcopy(self._journal["files"].get(name)) or {"kind": "words", "added": [], "replaced": []}
        line, rest = (before.split("\n", 1) + [""])[:2]
        words = line.split()
        for word in [old for old in entry["added"] if old not in wanted]:
            place = [old for old in entry["replaced"] if old.startswith(word.split("=", 1)[0] + "=")]
            if word in words:
                words = [old for old in words if old != word] + place
            entry["added"].remove(word)
            entry["replaced"] = [old for old in entry["replaced"] if old not in place]
        for word in wanted:
            if word in words:
                continue
            key = word.split("=", 1)[0] + "="
            entry["replaced"] += [old for old in words if old.startswith(key) and old not in entry["added"]]
            words = [old for old in words if not old.startswith(key)] + [word]
            entry["added"].append(word)
        if words == line.split():
            self._out(f"  as it should be: /{name} ({why})")
            return
        self._announce(name, False, why)
        self._put(name, " ".join(words) + "\n" + rest, None)
        self._note(name, entry)

    def enable(self, unit, why):
        if self._systemctl("is-enabled", unit, check=False).strip() == "enabled":
            self._out(f"  as it should be: {unit} is enabled ({why})")
            return
        self.changes += 1
        self._out(f"  {'would enable' if self.dry_run else 'enable'} {unit}: {why}")
        if self.dry_run:
            return
        self._systemctl("enable", unit)
        if unit not in self._journal["units"]:
            self._journal["units"].append(unit)
        self._save()

    def restart(self, *units):
        """On the running system only; another root starts when it boots."""
        if not self.live:
            return
        self._out(f"  {'would restart' if self.dry_run else 'restart'} {', '.join(units)}")
        if not self.dry_run:
            self._systemctl("daemon-reload")
            self._systemctl("restart", *units)
            self._stopped = []

    def stop(self, unit):
        """Stops a unit; True if it was running. restart() starts it again, or put_back()."""
        if not self.live or self.dry_run or self._systemctl("is-active", unit, check=False).strip() != "active":
            return False
        self._stopped.append(unit)
        self._systemctl("stop", unit)
        return True

    def put_back(self):
        """Starts what stop() has stopped and restart() has not started yet: set-up ends before its time."""
        if not self._stopped:
            return
        ignore_signals()  # for systemctl too, which a terminal's Ctrl-C also reaches
        self._systemctl("start", *reversed(self._stopped), check=False)
        self._stopped = []

    # --- undoing
    def undo(self, force=False, keep=()):
        """Takes back everything in the journal but the files `keep`. What somebody changed since is left, and told,
        unless `force`."""
        left = []
        for unit in reversed(self._journal["units"]):
            self._out(f"  {'would disable' if self.dry_run else 'disable'} {unit}")
            if not self.dry_run:
                self._systemctl("disable", *(["--now"] if self.live else []), unit, check=False)
        files = {name: entry for name, entry in self._journal["files"].items() if name not in keep}
        for name, entry in reversed(list(files.items())):
            if not getattr(self, f"_undo_{entry['kind']}")(name, entry, force):
                left.append(name)
                self._out(f"  left: /{name} was changed after matriz-setup (--force takes it back all the same)")
        if not self.dry_run:
            for name in files.keys() - set(left):
                del self._journal["files"][name]
            self._journal["units"] = []
            self._journal.pop("choices", None)
            self._save()
        return left

    def _undo_write(self, name, entry, force):
        now = self.read(name)
        if now is not None and _digest(now) != entry["after"] and not force:
            return False
        self._out(f"  {'would ' if self.dry_run else ''}{'remove' if entry['before'] is None else 'put back'} /{name}")
        if self.dry_run:
            return True
        if entry["before"] is not None:
            self._put(name, entry["before"], entry["mode"])
        elif now is not None:
            os.remove(self.path(name))
        return True

    def _undo_block(self, name, _entry, _force):
        now = self.read(name)
        if now is not None and self._without_block(now) != now:
            self._out(f"  {'would take' if self.dry_run else 'take'} our lines out of /{name}")
            if not self.dry_run:
                self._put(name, self._without_block(now), None)
        return True

    def _undo_words(self, name, entry, _force):
        now = self.read(name)
        if now is not None:
            self._out(f"  {'would take' if self.dry_run else 'take'} our words out of /{name}")
            line, rest = (now.split("\n", 1) + [""])[:2]
            words = [word for word in line.split() if word not in entry["added"]]
            words += [word for word in entry["replaced"] if word not in words]
            if not self.dry_run:
                self._put(name, " ".join(words) + "\n" + rest, None)
        return True

    # --- below
    @staticmethod
    def _without_block(text):
        kept, inside = [], False
        for line in text.splitlines(keepends=True):
            if line.rstrip() == BEGIN:
                inside = True
            elif line.rstrip() == END and inside:
                inside = False
            elif not inside:
                kept.append(line)
        return "".join(kept)

    def _announce(self, name, new, why):
        self.changes += 1
        verb = "write" if new else "change"
        self._out(f"  {'would ' if self.dry_run else ''}{verb} /{name}: {why}")

    def _mode(self, name):
        return os.stat(self.path(name)).st_mode & 0o7777

    def _put(self, name, text, mode, group=None):
        """Replaces the file in one step, so that a power cut leaves the old one or the new one."""
        if self.dry_run:
            return
        path = self.path(name)
        if os.path.islink(path):
            # In another root a link may lead back into this system.
            if os.path.realpath(self.root) != "/":
                raise OSError(f"{path} is a symbolic link; not followed in another root")
            path = os.path.realpath(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if mode is None:
            mode = os.stat(path).st_mode & 0o7777 if os.path.exists(path) else 0o644
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".matriz-setup-")
        try:
            with open(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            self._own(temporary, path, group)
            try:
                os.chmod(temporary, mode)
            except OSError:
                pass  # the boot partition is FAT and knows no modes
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def _own(self, temporary, path, group):
        try:
            if group:
                os.chown(temporary, -1, self._number_of(group))
            elif os.path.exists(path):
                old = os.stat(path)
                os.chown(temporary, old.st_uid, old.st_gid)
        except (KeyError, ValueError, OSError):
            pass  # no such group there, or not ours to give: another root, or not root

    def _number_of(self, group):
        """As the machine that is set up has it, which need not be this one. Raises KeyError, ValueError, OSError."""
        if self.live:
            return grp.getgrnam(group).gr_gid
        with open(os.path.join(self.root, "etc/group"), encoding="utf-8") as table:
            return {line.split(":")[0]: int(line.split(":")[2]) for line in table if line.count(":") == 3}[group]

    def _note(self, name, entry):
        if not self.dry_run:
            self._journal["files"][name] = entry
            self._save()

    def _save(self):
        self._put(JOURNAL, json.dumps(self._journal, indent=1) + "\n", 0o600)

    def _systemctl(self, *words, check=True):
        place = [] if self.live else [f"--root={os.path.abspath(self.root)}"]
        done = subprocess.run(["systemctl", *place, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
        if check and done.returncode != 0:
            raise OSError(f"systemctl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout
