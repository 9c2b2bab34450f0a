# SPDX-License-Identifier: GPL-3.0-or-later
"""Talking over a RawClient while the server pings it now and then."""
import json

from server_case import frame


def next_text(client):
    """The next text, as it came."""
    while True:
        opcode, payload = client.read_frame()
        if opcode == 1:
            return payload
        if opcode == 9:
            client.send(frame(10, payload))
        elif opcode == 8:
            raise EOFError(f"closed: {payload!r}")


def next_message(client):
    return json.loads(next_text(client))


def read_until(client, fits):
    """The first message that fits, and the sizes of those before."""
    sizes = []
    while True:
        text = next_text(client)
        message = json.loads(text)
        if fits(message):
            return message, sizes
        sizes.append(len(text))


def heard_meanwhile(client, mark=b"all?"):
    """All messages that come before the answer to a ping: whatever was said before it has had its effect."""
    client.send(frame(9, mark))
    messages = []
    while True:
        opcode, payload = client.read_frame()
        if opcode == 10 and payload == mark:
            return messages
        if opcode == 1:
            messages.append(json.loads(payload))
        elif opcode == 9:
            client.send(frame(10, payload))
