# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of whole meshes share."""
from harness.case import StageCase
from harness.probe import REPORTS_OF_AN_XRUN
from harness.wait import NotReached, PATIENCE, wait_for

NAMES = ("porto", "lisboa", "montemor")
MONITOR_KEY = "key-of-the-monitor"
LEAST_MS_OF_AN_XRUN = 1.3  # a period: what is missing when a client is late once
LEAST_SECONDS = 1.0  # of judged sound that say something about an action, which takes some seconds itself


class MeshCase(StageCase):
    watchdog_seconds = 120
    unjudged = ""  # why the sound of a test could not be judged

    def tearDown(self):
        # Everything else that the test asks for holds; that it passed would say too much.
        if self.unjudged and self._complaints() == self._complaints_before:
            self.skipTest(self.unjudged)

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

    def assert_undisturbed(self, probe, pairs, action, attempts=3):
        """action() must cost these pairs no glitch.

        A busy machine glitches by itself, so only those reports count in which JACK was never late, and they must be
        enough to judge by; a glitch among them, after a quiet moment, fails when it comes a second time. But however busy the
        machine, nothing may be heard that only a lost stream explains: a hole that long fails at once, unless JACK was late
        for about as long. A test in which no more than that could be judged is skipped in the end.
        """
        told, glitched = [], 0
        for _ in range(attempts):
            quiet = self.await_quiet(probe)
            mark = probe.mark()
            action()
            probe.wait_reports(REPORTS_OF_AN_XRUN)  # until what happened last is judged, too
            judged = {f"{s} at {l}": probe.judge(s, l, mark) for s, l in self.by_name(pairs)}
            on_time = {f"{s} at {l}": probe.judge_on_time(s, l, mark) for s, l in self.by_name(pairs)}
            xruns = probe.xruns(mark)
            told.append(f"on time (glitches, seconds): {on_time}; all (glitches, longest ms, seconds): {judged}; {xruns} xruns")
            self.assertTrue(all(seconds > 0 for _, _, seconds in judged.values()), "nothing was judged")
            longest = max(longest for _, longest, _ in judged.values())
            self.assertLess(longest, max(400 * PATIENCE, xruns * LEAST_MS_OF_AN_XRUN), f"a hole of {longest} ms in somebody else's sound: {told[-1]}")
            # Without any glitch all that was judged speaks for it: the probe leaves out what an xrun itself does.
            clean = judged if all(glitches == 0 for glitches, _, _ in judged.values()) else on_time
            enough = all(of_pair[-1] >= LEAST_SECONDS for of_pair in clean.values())
            if enough and all(of_pair[0] == 0 for of_pair in clean.values()):
                return
            glitched += quiet and any(glitches > 0 for glitches, _ in on_time.values())
            self.assertLess(glitched, 2, f"glitches while JACK was on time: {told}")
        print(f"# {told}", flush=True)
        self.unjudged = "too busy a machine to judge more of the sound than holes"

    @staticmethod
    def by_name(pairs):
        return [tuple(getattr(end, "name", end) for end in pair) for pair in pairs]

    @staticmethod
    def await_quiet(probe):
        """Gives a machine that is busy with something else a while to be done with it; is it?"""
        try:
            return wait_for(lambda: probe.quiet(REPORTS_OF_AN_XRUN), 15, "a quiet moment")
        except NotReached:
            return False

    def wait_judged(self, probe, pair, seconds, timeout=30):
        """Waits until the probe has judged this pair for so many seconds more."""
        mark = probe.mark()
        wait_for(lambda: probe.judge(*pair, mark)[2] >= seconds, timeout, f"{seconds} s of sound to be judged")
