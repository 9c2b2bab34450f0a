#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lasting JACK client that lists and patches for the harness: a JSON request a line on standard input, a JSON answer
a line on standard output. Run as `jack_hand.py SERVER`; ends with its server, or when its input ends.

jack_lsp and jack_connect would each join JACK for a moment. Clients that leave just when others come confuse libjack in
processes with two clients: such a client can wait for ever on the semaphore of one that is gone.
"""
import ctypes
import json
import os
import sys

NO_START_SERVER, USE_SERVER_NAME = 1, 4
EXISTS = 17

jack = ctypes.CDLL("libjack.so.0")
jack.jack_client_open.restype = ctypes.c_void_p
jack.jack_port_by_name.restype = ctypes.c_void_p
jack.jack_get_ports.restype = ctypes.POINTER(ctypes.c_char_p)
jack.jack_get_ports.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong]
jack.jack_port_by_name.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
jack.jack_port_get_all_connections.restype = ctypes.POINTER(ctypes.c_char_p)
jack.jack_port_get_all_connections.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
for patching in (jack.jack_connect, jack.jack_disconnect):
    patching.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
jack.jack_free.argtypes = [ctypes.c_void_p]
jack.jack_activate.argtypes = [ctypes.c_void_p]

SHUTDOWN = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
jack.jack_on_shutdown.argtypes = [ctypes.c_void_p, SHUTDOWN, ctypes.c_void_p]


@SHUTDOWN
def on_shutdown(_):
    os._exit(0)


def names(array):
    """The strings of a NULL-terminated array of JACK's, which is freed."""
    result = []
    if array:
        while array[len(result)]:
            result.append(array[len(result)].decode())
        jack.jack_free(array)
    return result


def answer(client, request):
    kind = request[0]
    if kind == "ports":
        return names(jack.jack_get_ports(client, None, None, 0))
    if kind == "connections":
        result = {}
        for name in names(jack.jack_get_ports(client, None, None, 0)):
            port = jack.jack_port_by_name(client, name.encode())
            result[name] = names(jack.jack_port_get_all_connections(client, port)) if port else []
        return result
    source, target = request[1].encode(), request[2].encode()
    if kind == "connect":
        return jack.jack_connect(client, source, target) in (0, EXISTS)
    return jack.jack_disconnect(client, source, target) == 0


def main():
    status = ctypes.c_int(0)
    client = jack.jack_client_open(b"harness", NO_START_SERVER | USE_SERVER_NAME, ctypes.byref(status),
                                   sys.argv[1].encode())
    if not client:
        return 1
    jack.jack_on_shutdown(client, on_shutdown, None)
    jack.jack_activate(client)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(client, json.loads(line))), flush=True)
    os._exit(0)  # JACK drops the client with its process


if __name__ == "__main__":
    sys.exit(main())
