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
