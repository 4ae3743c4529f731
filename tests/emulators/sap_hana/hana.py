"""The beginning of HANA's protocol, as far as a login: how a client may prove its password, and who it says that it is."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

GREETING_BYTES, HEADER_BYTES = 14, 32
WELCOME = struct.pack(">bhbhxx", 4, 20, 4, 1)
REPLY, AUTHENTICATION = 2, 33
METHOD = b"SCRAMSHA256"


class HanaDouble:
    """Challenges each client, hears what it answers, and hangs up."""

    def __init__(self) -> None:
        self.heard = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """No more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(near,), daemon=True).start()

    def _talk(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), near, near.makefile("rb") as reader:
            self.heard += reader.read(GREETING_BYTES)
            near.sendall(WELCOME)
            for answer in (challenge(), b""):
                header = reader.read(HEADER_BYTES)
                self.heard += header + reader.read(int.from_bytes(header[12:16], "little"))
                near.sendall(answer)


def challenge() -> bytes:
    """A salt and a challenge of the server's."""
    return message(AUTHENTICATION, fields(METHOD, fields(bytes(16), bytes(48))))


def fields(*values: bytes) -> bytes:
    """Values with their lengths, and how many there are."""
    return struct.pack("<h", len(values)) + b"".join(bytes([len(value)]) + value for value in values)


def message(kind: int, body: bytes) -> bytes:
    """A reply of one part."""
    padded = body + bytes(-len(body) % 8)
    part = struct.pack("<bbhiii", kind, 0, 1, 0, len(body), len(padded)) + padded
    segment = struct.pack("<iihhbxh8x", 24 + len(part), 0, 1, 1, REPLY, 0) + part
    return struct.pack("<qiIIhbxI4x", 0, 0, len(segment), len(segment), 1, 0, 0) + segment


@contextmanager
def double() -> Iterator[HanaDouble]:
    """A server at a port of the loopback."""
    server = HanaDouble()
    try:
        yield server
    finally:
        server.stop()
