# SPDX-License-Identifier: GPL-3.0-or-later
"""An end that is not ours: headless Chromium as a node. It knows docs/protocol.md and WebRTC, nothing of our code."""
import json
import os
import unittest

from harness import browser, natlab
from harness.case import main
from harness.tone import Tone, listen
from harness.wait import NotReached, holds_for, wait_for
from nat_case import NatCase

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "browser_end.html")
NODE_HERTZ, PAGE_HERTZ = 700, 1200


@unittest.skipIf(browser.why_not(), browser.why_not())
class BrowserTest(NatCase):
    names = ("anna", "bruno", "aaron", "zoe")

    def open_page(self, name, host, hide=False, **config):
        """The page has registered as `name`."""
        page = browser.Browser(self.stage.folder, PAGE, host, hide)
        self.stage.defer(page.stop)
        page.start()
        self.join(page, name, **config)
        return page

    def join(self, page, name, **config):
        config.update(url=self.server.url_at(natlab.SERVER4), name=name, key=f"key-of-{name}", hertz=PAGE_HERTZ)
        page.evaluate(f"join({json.dumps(config)})")

    def look(self, page, peer):
        told = page.evaluate("look()")
        self.assertEqual(told["trouble"], [], page.console)
        return told["peers"].get(peer, {})

    def wait_page_hears(self, page, peer, timeout=30):
        def hears():
            heard = self.look(page, peer).get("heard")
            return heard and abs(heard["hertz"] - NODE_HERTZ) < 10 and heard["db"] > -50
        try:
            wait_for(hears, timeout, "it", 0.2)
        except NotReached:
            self.fail(f"the page does not hear {peer}: {json.dumps(self.look(page, peer), indent=1)} {page.console}")

    def wait_node_hears(self, node, name):
        port = node.peer_port(name)
        self.jack.wait_ports(port, timeout=30)

        def hears():
            hertz, level = listen(self.stage, self.jack, port)
            print(f"# {node.name} hears {hertz:.0f} Hz at {level:.0f} dBFS of {name}", flush=True)
            return abs(hertz - PAGE_HERTZ) < 10 and level > -40
        wait_for(hears, 20, f"the page's tone at {port}: {self.link(node, name)}")

    def anna(self, host):
        """A node that sends a tone."""
        self.serve()
        anna = self.node("anna", host)
        self.jack.wait_ports(anna.send_port())
        tone = Tone(self.stage.folder, self.jack, [anna.send_port()], NODE_HERTZ)
        self.stage.defer(tone.stop)
        return anna

    def meet(self, name, here, there, path, **config):
        """The node and the page as `name` hear one another, over that way."""
        anna = self.anna(here)
        page = self.open_page(name, there, **config)
        self.wait_page_hears(page, "anna")
        self.wait_node_hears(anna, name)
        wait_for(lambda: self.look(page, "anna")["stats"]["inbound"]["packets"] > 0, 10, "packets in the page's statistics")
        state = self.look(page, "anna")
        self.assertEqual((state["connection"], state["channel"], state["byes"]), ("connected", "open", []))
        link = wait_for(lambda: (told := self.link(anna, name)) and (told["state"], told["path"]) == ("playing", path) and told,
                        15, f"anna to play {name} over the way {path}")
        self.assertRegex(link["codec"], "(?i)opus")
        if config.get("pings", True):
            wait_for(lambda: self.look(page, "anna")["answered"], 10, "anna's pings to answer the page's")
            wait_for(lambda: self.link(anna, name).get("round_trip_ms") is not None, 10, "the round trip in the status")
        return anna, page

    def homes(self, first, second):
        return self.lab.site("here", first).host("here"), self.lab.site("there", second).host("there")

    def test_page_calls(self):
        """Its name is the larger one: it calls, the node makes the offer."""
        self.meet("zoe", *self.homes("port", "port"), "direct")

    def test_page_offers(self):
        self.meet("aaron", *self.homes("port", "port"), "direct")

    def test_same_home(self):
        home = self.lab.site("home", "port")
        self.meet("zoe", home.host("here"), home.host("there"), "lan")

    def test_hidden_addresses(self):
        """A browser in which nobody gave leave to use the microphone says xxxx.local in place of addresses."""
        self.meet("zoe", *self.homes("port", "port"), "direct", hide=True)

    def test_by_relay(self):
        self.meet("zoe", *self.homes("symmetric", "symmetric"), "relay")

    def test_stays_and_returns(self):
        """Whose data channel says nothing is no dead peer as long as its sound comes; a page that is loaded again is
        heard again."""
        anna, page = self.meet("zoe", *self.homes("port", "port"), "direct", pings=False)
        calls = self.look(page, "anna")["signals"]["sent"].count("call")
        packets = self.link(anna, "zoe")["received"]
        wait_for(lambda: self.link(anna, "zoe")["received"] > packets + 400, 30, "more of the page's packets")
        state = self.look(page, "anna")
        self.assertEqual((state["byes"], state["signals"]["sent"].count("call")), ([], calls))
        page.evaluate("location.reload()")
        wait_for(lambda: self.is_new(page), 20, "the page to load again")
        self.join(page, "zoe")
        self.wait_page_hears(page, "anna")
        self.wait_node_hears(anna, "zoe")

    @staticmethod
    def is_new(page):
        """Is it loaded, and has it met nobody yet? On the way from one page to the next there is nothing to ask."""
        try:
            return page.evaluate('document.readyState === "complete" && typeof ends === "object" && !Object.keys(ends).length')
        except ValueError:
            return False

    def test_wrong_fingerprint(self):
        """A page that says another certificate's fingerprint than its own is not played, and hears nothing."""
        anna = self.anna(self.lab.site("here", "open").host("here"))
        page = self.open_page("zoe", self.lab.site("there", "open").host("there"), claim=":".join(["AB"] * 32))
        self.wait_reason(anna, "zoe", "certificate|fingerprint|identity", timeout=20)

        def nothing_heard():
            state = self.look(page, "anna")
            return (self.link(anna, "zoe").get("state") != "playing" and (state["heard"] is None or state["heard"]["db"] < -90)
                    and not state["stats"].get("inbound", {}).get("packets"))
        holds_for(nothing_heard, 2, "silence on both sides")


if __name__ == "__main__":
    main()
