# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of whole meshes share."""
from harness.case import StageCase
from harness.wait import PATIENCE, wait_for

NAMES = ("porto", "lisboa", "montemor")
MONITOR_KEY = "key-of-the-monitor"


class MeshCase(StageCase):
    watchdog_seconds = 120

    def make_server(self, names=NAMES, **options):
        return self.stage.server({name: f"key-of-{name}" for name in names}, monitor_key=MONITOR_KEY, **options)

    def make_mesh(self, *names, **options):
        """Starts JACK, a server, and these nodes; returns (jack, server, nodes), sending ports there to be patched."""
        jack = self.stage.jack()
        server = self.make_server(names).start()
        nodes = [self.stage.node(name, jack, server.url, **options).start() for name in names]
        for node in nodes:
            jack.wait_ports(node.send_port())
        return jack, server, nodes

    def probe_all(self, jack, nodes, **options):
        """A probe on every pair; returns when all are heard."""
        probe = self.stage.probe(jack, {n: [o for o in nodes if o is not n] for n in nodes}, **options)
        probe.wait_heard(timeout=30)
        return probe

    def wait_names(self, server, *names, timeout=20.0):
        """Waits until the server's list is exactly this, as a monitor that joins for it sees it."""
        monitor = self.stage.original_client(server.url, "monitor", MONITOR_KEY)
        try:
            wait_for(lambda: monitor.names() == sorted(names), timeout, f"a list of {sorted(names)}")
        finally:
            monitor.stop()

    def quiet(self, probe, pairs):
        """Is this machine, left alone, able to play for a second without a glitch or an xrun?"""
        mark = probe.mark()
        self.wait_judged(probe, pairs[0], 1)
        return probe.xruns(mark) == 0 and all(probe.judge(s, l, mark)[0] == 0 for s, l in pairs)

    def assert_undisturbed(self, probe, pairs, action, attempts=3):
        """action() must cost these pairs no glitch.

        A busy machine glitches by itself, so a window counts only if there is quiet before and after it and JACK was
        never late in it; otherwise it is tried again. But however busy the machine, nothing may be heard that only a
        lost stream explains: a hole that long fails at once.
        """
        told = []
        for _ in range(attempts):
            calm = self.quiet(probe, pairs)
            mark = probe.mark()
            action()
            judged = [probe.judge(s, l, mark) for s, l in pairs]
            xruns = probe.xruns(mark)
            self.assertTrue(all(seconds > 0 for _, _, seconds in judged), "nothing was judged")
            if all(glitches == 0 for glitches, _, _ in judged):
                return
            longest = max(longest for _, longest, _ in judged)
            self.assertLess(longest, 400 * PATIENCE, f"a hole of {longest} ms in somebody else's sound, {xruns} xruns")
            told.append((judged, xruns, calm and xruns == 0 and self.quiet(probe, pairs)))
        disturbed = [judged for judged, _, counts in told if counts]
        self.assertLess(len(disturbed), 2, f"glitches, longest ms, seconds judged of each pair: {disturbed}")
        print(f"# too busy a machine to judge: {told}", flush=True)

    def wait_judged(self, probe, pair, seconds, timeout=30):
        """Waits until the probe has judged this pair for so many seconds more."""
        mark = probe.mark()
        wait_for(lambda: probe.judge(*pair, mark)[2] >= seconds, timeout, f"{seconds} s of sound to be judged")
