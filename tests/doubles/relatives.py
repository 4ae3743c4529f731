"""A database of PostgreSQL that looks like a relative of it: the content of all databases, and what makes it look so."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.fixtures.servers.database import SCHEMA, Server


class InDatabase(Server):
    """The same server, in this database."""

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(server.version, server.port, server.data, server.ca, server.process)
        object.__setattr__(self, "_name", name)

    def connect(self, **changes: Any) -> psycopg.Connection[Any]:
        name: str = self.__dict__["_name"]
        return super().connect(**({"dbname": name} | changes))


@contextmanager
def in_database(server: Server, name: str, looks: str, *, without: str = "ROLE") -> Iterator[None]:
    """This database, while it lasts; statements of the content with `ROLE` or `without` in them are left out."""
    content = [part for part in SCHEMA.split(";") if part.strip() and "ROLE" not in part and without not in part]
    with server.connect() as session:
        session.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    try:
        with server.connect(dbname=name) as session:
            session.execute(";".join(content))  # type: ignore[arg-type]
            session.execute(looks)  # type: ignore[arg-type]
        yield
    finally:
        with server.connect() as session:
            session.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]
