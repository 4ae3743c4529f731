"""Undocumented parts of psycopg, libpq and Linux that the PostgreSQL driver leans on: what breaks when one changes."""

import inspect
import socket

import psycopg
from psycopg import generators, pq, waiting

from datasources.databases.flood import received_bytes
from datasources.databases.postgres.libpq import libpq


def test_a_cancelled_wait_does_not_wait_for_the_server() -> None:
    """`Connection.wait` takes the place of psycopg's own, which gives the server up to ten seconds."""
    taken = inspect.signature(psycopg.AsyncConnection.wait).parameters.keys()
    assert {"gen", "interval"} <= taken, "psycopg waits by another signature: a cancelled test would take ten seconds"
    assert {"gen", "fileno", "interval", "timeout"} <= inspect.signature(waiting.wait_async).parameters.keys(), (
        "psycopg's wait_async takes other arguments: no connection would work (connect.Connection.wait)"
    )


def test_results_are_fetched_as_psycopg_fetches_them() -> None:
    """`connect._capped` drives psycopg's generators: it yields what psycopg's waiting understands."""
    assert hasattr(generators, "execute"), "no query could be prepared: query.prepare"
    assert {"R", "RW"} <= waiting.Wait.__members__.keys(), "psycopg waits by other words: connect._capped"
    needed = ("flush", "is_busy", "consume_input", "get_result", "send_prepare", "send_query_prepared")
    missing = [name for name in needed if not hasattr(pq.PGconn, name)]
    assert not missing, f"psycopg's PGconn no longer has {missing}: no test query could run"


def test_libpq_is_called_where_psycopg_has_it() -> None:
    """Without it a refused login is told from others by its words alone, which are translated."""
    assert libpq() is not None, "libpq is not found through psycopg's extension: errors at login have no code"


def test_linux_counts_the_bytes_of_a_connection() -> None:
    """The limit on the size of a row rests on it: without the count a row of any size is read to its end."""
    here, there = socket.create_server(("127.0.0.1", 0)), socket.socket()
    with here, there:
        there.connect(here.getsockname())
        end, _ = here.accept()
        with end:
            before = received_bytes(there.fileno())
            end.sendall(b"x" * 1000)
            received = 0
            while received < 1000:
                received += len(there.recv(4096))
            assert received_bytes(there.fileno()) - before == 1000, (
                "tcpi_bytes_received is elsewhere: flood.received_bytes"
            )
