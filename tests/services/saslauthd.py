#!/usr/bin/env python3
"""saslauthd.py SOCKET: answers password checks as saslauthd does. Every user exists, the password is "pass".

A request is four strings (user, password, service, realm), each with its length before it (two bytes, big endian); the answer is one."""

import os
import socket
import struct
import sys
import threading


def check(connection):
    with connection, connection.makefile("rb") as stream:
        words = []
        for _ in range(4):
            (size,) = struct.unpack(">H", stream.read(2))
            words.append(stream.read(size))
        answer = b"OK" if words[1] == b"pass" else b"NO"
        connection.sendall(struct.pack(">H", len(answer)) + answer)


def main():
    path = sys.argv[1]
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o777)
    listener.listen(64)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=check, args=(connection,), daemon=True).start()


main()
