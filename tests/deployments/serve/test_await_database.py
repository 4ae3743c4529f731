"""Prefect's server starts when its database takes logins, not as soon as it listens."""

import socket
import struct
import time

from pydantic import SecretStr

from deployments.serve.servers import await_database
from tests.fixtures.servers.database import PASSWORD, Server, free_port
from tests.fixtures.servers.faults import faulty, pass_on

FIELDS = b"SFATAL\x00C57P03\x00Mthe database system is in recovery mode\x00\x00"
REFUSED = b"E" + struct.pack("!i", len(FIELDS) + 4) + FIELDS
"""What a PostgreSQL says that is not ready yet."""


def address(port: int, password: str = PASSWORD) -> SecretStr:
    """Where Prefect's server has its database, in Prefect's words."""
    return SecretStr(f"postgresql+asyncpg://postgres:{password}@127.0.0.1:{port}/postgres")


def test_a_database_that_recovers(embedded: Server) -> None:
    """It is asked until it lets us in."""
    asked: list[float] = []

    def recover(client: socket.socket, server: socket.socket) -> None:
        asked.append(time.monotonic())
        if len(asked) > 3:
            pass_on(client, server)
            return
        if client.recv(8)[4:] == b"\x04\xd2\x16\x2f":  # asks for TLS first
            client.sendall(b"N")
            client.recv(1000)
        client.sendall(REFUSED)

    with faulty(embedded.port, recover) as port:
        await_database(address(port), within=float("inf"))
    assert len(asked) > 3


def test_a_database_that_never_answers() -> None:
    """The time is up, and the server starts: it says what is wrong."""
    began = time.monotonic()
    await_database(address(free_port()), within=0.5)
    assert time.monotonic() - began >= 0.5


def test_a_database_that_refuses_us(embedded: Server) -> None:
    """Waiting does not help; the server says so at once."""
    await_database(address(embedded.port, password="wrong"), within=float("inf"))
    await_database(SecretStr("sqlite+aiosqlite:///prefect.db"), within=float("inf"))
