"""Servers that misbehave: they accept and never speak, drip, or close their half of the connection."""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

MODES = ("silent", "dripping", "half-closing")
DRIP_SECONDS = 0.2


class Lane:
    """A way to a real server that turns bad when it is told to: from then on the server's bytes do not arrive.

    `silent` keeps them; `dripping` passes one of them every `DRIP_SECONDS`; `half-closing` says that none will come, and
    goes on to read.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._mode: str | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._stopped = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def turn(self, mode: str | None) -> None:
        """From now on, for every connection."""
        self._mode = mode

    def stop(self) -> None:
        """No more connections; those that are open end."""
        self._stopped.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), near, socket.create_connection(("127.0.0.1", self._target)) as far:
            halved = False
            while not self._stopped.is_set():
                if self._mode == "half-closing" and not halved:
                    near.shutdown(socket.SHUT_WR)
                    halved = True
                waits = [near] if self._mode in ("silent", "half-closing") else [near, far]
                ready, _, _ = select.select(waits, [], [], 0.05)
                if near in ready:
                    data = near.recv(65536)
                    if not data:
                        return
                    far.sendall(data)
                if far in ready:
                    data = far.recv(1 if self._mode == "dripping" else 65536)
                    if not data:
                        return
                    if self._mode == "dripping":
                        time.sleep(DRIP_SECONDS)
                    near.sendall(data)


@contextmanager
def lane(target: int) -> Iterator[Lane]:
    """A way to this port of the loopback."""
    made = Lane(target)
    try:
        yield made
    finally:
        made.stop()
