# SPDX-License-Identifier: GPL-3.0-or-later
"""The network cable is pulled for 30 s and put back: both places play again by themselves, within 5 s."""
import os
import time
import unittest

from appliance import assert_plays_again
from harness.case import main
from places import PlacesCase
from test_ports import can_make_namespaces

OUT = float(os.environ.get("MATRIZ_CABLE_SECONDS", "30"))


@unittest.skipUnless(can_make_namespaces(), "no right to make network namespaces here")
class CableTest(PlacesCase):
    watchdog_seconds = 120 + OUT

    def pulled(self, space, end):
        self.start()
        self.wait_playing(30)
        self.ip("-n", self.spaces[space], "link", "set", end, "down")
        time.sleep(OUT)  # the outage itself
        self.ip("-n", self.spaces[space], "link", "set", end, "up")
        assert_plays_again(self, f"after the cable was out for {OUT:g} s", lambda: self.wait_playing(60))

    def test_of_a_place(self):
        """Its addresses go with the link, as a Raspberry Pi's do."""
        self.pulled("porto", "cable")

    def test_far_from_a_place(self):
        """The place keeps its address; its link is down for it as for a machine whose switch was switched off."""
        self.pulled("switch", "porto")


if __name__ == "__main__":
    main()
