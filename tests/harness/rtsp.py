# SPDX-License-Identifier: GPL-3.0-or-later
"""The least of an RTSP client, by hand; and the address that strangers come from."""
import re
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


class Rtsp:
    """A client that speaks just enough RTSP by hand to misbehave."""

    def __init__(self, port, host="127.0.0.1", receive_buffer=None, timeout=10, query=""):  # pylint: disable=too-many-arguments
        plain = host.split("%")[0]
        self.url = f"rtsp://[{plain}]:{port}/stream" if ":" in plain else f"rtsp://{plain}:{port}/stream"
        self.url += query
        where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self.socket = socket.socket(where[0])
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(where[4])
        self.serial = 0
        self.session = None

    def ask(self, method, url=None, **headers):
        """(status, headers and body as text)."""
        self.serial += 1
        lines = [f"{method} {url or self.url} RTSP/1.0", f"CSeq: {self.serial}"]
        if self.session:
            lines.append(f"Session: {self.session}")
        lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return self.answer()

    def read(self, count):
        data = b""
        while len(data) < count:
            got = self.socket.recv(count - len(data))
            if not got:
                raise ConnectionResetError("the server closed the connection")
            data += got
        return data

    def answer(self):
        text = self.read(1)
        while text == b"$":  # interleaved RTP comes in between
            self.read(int.from_bytes(self.read(3)[1:], "big"))
            text = self.read(1)
        while b"\r\n\r\n" not in text:
            text += self.read(1)
        head = text.decode()
        length = re.search(r"Content-Length: (\d+)", head)
        body = self.read(int(length.group(1))) if length else b""
        session = re.search(r"Session: ([^;\r\n]+)", head)
        self.session = session.group(1) if session else self.session
        return int(head.split(" ", 2)[1]), head + body.decode()

    def play(self, transport):
        """Up to PLAY; returns SETUP's answer."""
        status, head = self.ask("DESCRIBE", Accept="application/sdp")
        assert status == 200, head
        base, mark, query = self.url.partition("?")
        status, head = self.ask("SETUP", f"{base}/stream=0{mark}{query}", Transport=transport)
        assert status == 200, head
        assert self.ask("PLAY", base, Range="npt=0-")[0] == 200, "PLAY"
        return head

    def closed(self):
        """Has the server closed the connection? Reads on until then."""
        try:
            return self.socket.recv(65536) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def close(self):
        self.socket.close()


class Player(Rtsp):
    """Plays, over UDP or within its own connection, and hands out the packets that come."""

    def __init__(self, port, tcp, **how):
        super().__init__(port, **how)
        self.tcp = tcp
        self.media = [] if tcp else [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for one in self.media:
            one.bind(("127.0.0.1", 0))
            one.settimeout(self.socket.gettimeout())
        numbers = "-".join(str(one.getsockname()[1]) for one in self.media)
        self.play("RTP/AVP/TCP;unicast;interleaved=0-1" if tcp else f"RTP/AVP;unicast;client_port={numbers}")

    def packet(self):
        """The next RTP packet."""
        if not self.tcp:
            return self.media[0].recv(2048)
        while True:
            mark, channel, *length = self.read(4)
            assert mark == ord("$"), mark
            packet = self.read(int.from_bytes(bytes(length), "big"))
            if channel == 0:
                return packet

    def close(self):
        super().close()
        for one in self.media:
            one.close()
