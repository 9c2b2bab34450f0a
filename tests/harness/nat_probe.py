# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds out what kind of NAT a host is behind, as RFC 5780 does: by what addresses others see it come from, and by which
of their answers arrive. Two addresses with two ports each answer in the lab's internet."""
import contextlib
import os
import socket

from .natlab import OTHER4, SERVER4

_PATIENCE = 5.0  # seconds for a packet that must come


def _udp(address, port=0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind((address, port))
    made.settimeout(_PATIENCE)
    return made


class NatProbe:
    """`lab`'s four corners: (address, port) with two addresses and two ports. Sockets, no thread."""

    def __init__(self, lab):
        self._open = contextlib.ExitStack()
        self._corner = {}
        first = self._add(lab, SERVER4, 0)
        port = first.getsockname()[1]
        second = self._add(lab, SERVER4, 0)
        other = second.getsockname()[1]
        self._names = {"home": (SERVER4, port), "port": (SERVER4, other), "address": (OTHER4, port), "both": (OTHER4, other)}
        for key in ("address", "both"):
            self._add(lab, *self._names[key])

    def _add(self, lab, address, port):
        made = self._open.enter_context(lab.internet.call(_udp, address, port))
        self._corner[made.getsockname()] = made
        return made

    def close(self):
        self._open.close()

    def _sock(self, which):
        return self._corner[self._names[which]]

    def seen(self, sock, which):
        """Where this host's socket seems to be, looked at from that corner."""
        token = os.urandom(8)
        sock.sendto(token, self._names[which])
        while True:
            text, outside = self._sock(which).recvfrom(100)
            if text == token:  # what was held up somewhere may come long after it was sent
                return outside

    def answer(self, which, outside, text):
        """Sends from that corner to that address."""
        self._sock(which).sendto(text, outside)

    def mapping(self, host):
        """"none", "endpoint-independent", "address-dependent" or "address- and port-dependent"."""
        with host.call(_udp, host.address4) as sock:
            home, port, address = (self.seen(sock, which) for which in ("home", "port", "address"))
            if home == port == address:
                return "none" if home == sock.getsockname() else "endpoint-independent"
            return "address-dependent" if home == port else "address- and port-dependent"

    def _passes(self, host, which):
        """Does a packet come in from that corner to a socket that has only ever spoken to the first? The first corner's
        own answer comes after it on the same way, so nobody has to wait for what will not come."""
        with host.call(_udp, host.address4) as sock:
            outside = self.seen(sock, "home")
            self.answer(which, outside, b"uninvited")
            self.answer("home", outside, b"invited")
            heard = [sock.recvfrom(100)[0]]
            while heard[-1] != b"invited":
                heard.append(sock.recvfrom(100)[0])
            return b"uninvited" in heard

    def filtering(self, host):
        """"endpoint-independent", "address-dependent" or "address- and port-dependent"."""
        if self._passes(host, "both"):
            return "endpoint-independent"
        return "address-dependent" if self._passes(host, "port") else "address- and port-dependent"

    def passes_udp(self, host):
        """Does UDP come out at all?"""
        home = self._sock("home")
        home.settimeout(0.5)
        try:
            with host.call(_udp, host.address4) as sock:
                self.seen(sock, "home")
            return True
        except (socket.timeout, PermissionError):
            return False
        finally:
            home.settimeout(_PATIENCE)
