# SPDX-License-Identifier: GPL-3.0-or-later
"""The least of an RTSP client: one request, its status; and the address that strangers come from."""
import socket


def request(host, port, method="DESCRIBE", path="/stream", source=None, timeout=5.0):
    """(status code, whole answer) of one RTSP request, sent from the address `source` if given."""
    bound = (source, 0) if source else None
    with socket.create_connection((host, port), timeout=timeout, source_address=bound) as link:
        link.sendall(f"{method} rtsp://{host}:{port}{path} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
                     .encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = link.recv(4096)
            if not more:
                break
            answer += more
    return int(answer.split()[1]) if answer else 0, answer.decode(errors="replace")


def outside_address():
    """An IPv4 address of this machine that is not loopback, so that who connects from it is a stranger; or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1; nothing is sent
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") or address == "0.0.0.0" else address


class Player:
    """Plays a node's stream, over UDP or within its own connection, and counts the packets that come."""

    def __init__(self, port, tcp, receive_buffer=None, timeout=5.0):
        self.tcp = tcp
        self.control = socket.socket()
        if receive_buffer is not None:
            self.control.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.control.settimeout(timeout)
        self.control.connect(("127.0.0.1", port))
        self.url = f"rtsp://127.0.0.1:{port}/stream"
        self.number = 0
        self.media = []
        if tcp:
            transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
        else:
            self.media = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
            for one in self.media:
                one.bind(("127.0.0.1", 0))
                one.settimeout(timeout)
            transport = "RTP/AVP;unicast;client_port=" + "-".join(str(one.getsockname()[1]) for one in self.media)
        self.ask("DESCRIBE", self.url)
        session = self.ask("SETUP", self.url + "/stream=0", f"Transport: {transport}")["session"].split(";")[0]
        self.session = f"Session: {session}"
        self.ask("PLAY", self.url, self.session)

    def ask(self, method, url, *headers):
        """The answer's headers, by their names in small letters."""
        self.number += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self.number}", *headers, "", ""]
        self.control.sendall("\r\n".join(lines).encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self.take(1)
            if answer == b"$":  # a packet that set out before the answer (RFC 2326, section 10.12)
                self.interleaved()
                answer = b""
        status, *rest = answer.decode().split("\r\n")
        if status.split()[1] != "200":
            raise AssertionError(f"{method}: {status}")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        self.take(int(fields.get("content-length", 0)))
        return fields

    def take(self, size):
        """So many bytes of the connection."""
        taken = b""
        while len(taken) < size:
            more = self.control.recv(size - len(taken))
            if not more:
                raise EOFError("the node hung up")
            taken += more
        return taken

    def interleaved(self):
        """(channel, packet) after the mark."""
        channel, high, low = self.take(3)
        return channel, self.take(high << 8 | low)

    def packet(self):
        """The next RTP packet."""
        if not self.tcp:
            return self.media[0].recv(2048)
        while True:
            mark = self.take(1)
            if mark != b"$":
                raise AssertionError(f"no interleaved packet: it begins with {mark}")
            channel, packet = self.interleaved()
            if channel == 0:
                return packet

    def tear_down(self):
        self.ask("TEARDOWN", self.url, self.session)

    def close(self):
        for one in (self.control, *self.media):
            one.close()
