# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens outside when a list changes: around a restart, and what the programs inherit."""
import json
import os

from harness.case import main
from harness.wait import wait_for
from server_case import RawClient, ServerCase


class HooksTest(ServerCase):
    def path(self, name):
        return os.path.join(self.stage.folder, name)

    def script(self, text):
        path = self.path("hook.sh")
        with open(path, "w", encoding="utf-8") as out:
            out.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)
        return path

    def raw(self, server, name):
        client = RawClient(server.port)
        self.addCleanup(client.close)
        client.register(name)
        return client

    def lines(self, name):
        try:
            with open(self.path(name), encoding="utf-8") as text:
                return text.read().splitlines()
        except FileNotFoundError:
            return []

    def test_a_restart_is_no_change(self):
        """The output stays until the nodes are back; then it is what it was, and whoever reads it starts anew once."""
        with open(self.path("template"), "w", encoding="utf-8") as out:
            out.write("{{#clients}}{{name}}\n{{/clients}}end\n")
        server = self.serve("porto", "lisboa", render_template=self.path("template"), render_output=self.path("output"),
                            on_change=[self.script(f'cat >> "{self.path("runs")}"; cat "{self.path("output")}" >> "{self.path("seen")}"\n')],
                            on_change_delay_ms=0)
        wait_for(lambda: self.lines("output") == ["end"], 10, "the output at the first start")
        self.raw(server, "porto")
        wait_for(lambda: self.lines("output") == ["porto", "end"] and self.lines("seen")[-2:] == ["porto", "end"], 10, "porto")
        server.kill()
        runs = len(self.lines("runs"))
        server.start()
        self.raw(server, "porto")
        self.raw(server, "lisboa")
        self.assertEqual(self.lines("output"), ["porto", "end"])
        wait_for(lambda: len(self.lines("runs")) > runs, 20, "the first run after the restart")
        first = json.loads(self.lines("runs")[runs])
        self.assertEqual([c["name"] for room in first["rooms"] for c in room["clients"]], ["porto", "lisboa"])
        wait_for(lambda: self.lines("seen")[-3:] == ["porto", "lisboa", "end"], 10, "it to have seen the output")

    def test_a_change_while_the_output_is_written_is_not_lost(self):
        with open(self.path("template"), "w", encoding="utf-8") as out:
            out.write("{{#clients}}{{name}}\n{{/clients}}end\n")
        names = [f"node{i}" for i in range(20)]
        server = self.serve(*names, render_template=self.path("template"), render_output=self.path("output"),
                            on_change_delay_ms=0)
        for name in names:
            self.raw(server, name)
        wait_for(lambda: self.lines("output") == [*names, "end"], 10, "all of them")

    def test_an_output_that_cannot_be_written(self):
        with open(self.path("template"), "w", encoding="utf-8") as out:
            out.write("end\n")
        server = self.serve("porto", render_template=self.path("template"), render_output=self.path("none/output"),
                            on_change=[self.script(f'echo ran >> "{self.path("runs")}"\n')], on_change_delay_ms=0)
        wait_for(lambda: self.lines("runs") == ["ran"], 10, "the program to run all the same")
        self.assertIn("none/output", server.process.log())

    def test_a_program_ignores_no_signals_of_ours(self):
        server = self.serve("porto", on_change=[self.script(f'grep SigIgn /proc/self/status > "{self.path("signals")}"\n')],
                            on_change_delay_ms=0)
        self.raw(server, "porto")
        wait_for(lambda: self.lines("signals"), 10, "the program")
        ignored = int(self.lines("signals")[0].split()[1], 16)
        for number in (13, 25):  # SIGPIPE, SIGXFSZ
            self.assertFalse(ignored & 1 << (number - 1), number)


if __name__ == "__main__":
    main()
