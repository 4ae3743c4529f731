"""Servers that misbehave on the wire: in front of a real PostgreSQL, or instead of one."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

READY = b"Z\x00\x00\x00\x05"
"""ReadyForQuery, but for its last byte: the login is over, or a query is."""

Fault = Callable[[socket.socket, socket.socket], None]
"""What is done with a client's connection, and the one to the real server."""


@contextlib.contextmanager
def faulty(port: int, fault: Fault) -> Iterator[int]:
    """A port of the loopback where the server at `port` seems to have this fault."""
    servers: list[socket.socket] = []

    def serve(client: socket.socket) -> None:
        servers.append(server := socket.create_connection(("127.0.0.1", port)))
        fault(client, server)

    with listening(serve) as faulty_port:
        try:
            yield faulty_port
        finally:
            for server in servers:
                _close(server)


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port of the loopback; each connection is served by a thread of its own, and closed when that is over."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    clients: list[socket.socket] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                clients.append(client := listener.accept()[0])
                threading.Thread(target=_serve, args=(serve, client), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        for client in clients:
            _close(client)


def _serve(serve: Callable[[socket.socket], None], client: socket.socket) -> None:
    _quietly(serve, client)
    _close(client)


def silent(client: socket.socket, server: socket.socket) -> None:
    """Accepts, and never says a word."""
    while client.recv(4096):
        pass


def drip(client: socket.socket, server: socket.socket) -> None:
    """Says everything, a byte at a time."""
    _forward_in_background(client, server)
    while said := server.recv(1):
        client.sendall(said)
        time.sleep(0.3)


def unfinished_tls(client: socket.socket, server: socket.socket) -> None:
    """Agrees to TLS, and then says nothing."""
    client.recv(8)
    client.sendall(b"S")
    silent(client, server)


def stop_in_a_result(client: socket.socket, server: socket.socket) -> None:
    """Goes well until somewhere in the first result, and then says nothing."""
    _forward_in_background(client, server)
    _until_login(client, server)
    client.sendall(server.recv(7))
    silent(server, client)


def close_after_login(client: socket.socket, server: socket.socket) -> None:
    """Lets us in, and hangs up."""
    _forward_in_background(client, server)
    _until_login(client, server)
    _close(client)
    _close(server)


def _until_login(client: socket.socket, server: socket.socket) -> None:
    said = b""
    while READY not in said:
        said += server.recv(1)
        client.sendall(said[-1:])
    client.sendall(server.recv(1))


def _forward_in_background(source: socket.socket, target: socket.socket) -> None:
    def forward() -> None:
        while said := source.recv(4096):
            target.sendall(said)

    threading.Thread(target=_quietly, args=(forward,), daemon=True).start()


def _quietly(work: Callable[..., None], *arguments: object) -> None:
    with contextlib.suppress(OSError, IndexError):
        work(*arguments)


def _close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
