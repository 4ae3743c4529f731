"""What libpq is told, all of it: nothing is left for it to look up in the worker's environment or files."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from datasources.databases.postgres.model import PgOptions

NOWHERE = "/nonexistent/sourcecheck"
"""For files that libpq would otherwise look for in the worker's home."""
KEEPALIVE: dict[str, Any] = {"keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
FIXED: dict[str, Any] = KEEPALIVE | {
    "sslcert": NOWHERE,
    "sslkey": NOWHERE,
    "sslcrl": NOWHERE,
    "sslcrldir": NOWHERE,
    "sslcertmode": "disable",
    "passfile": NOWHERE,
    "gssencmode": "disable",
    "application_name": "sourcecheck",
    "connect_timeout": 0,  # we hold the limit, over all addresses and stages
}
HASHED = "md5,scram-sha-256,none"
"""The ways to log in that show the password neither to an eavesdropper nor to the server."""
SERVICE = b"PGSERVICE"
"""No parameter overrides it: libpq reads it whenever it parses a connection string."""
UNSET = {"min_protocol_version": "3.0", "max_protocol_version": "3.0"}
"""What libpq does when these are not set at all; it refuses them empty, and older ones do not know them."""


def conninfo(options: PgOptions, address: str, port: int, rootcert: str, timeout: float) -> str:
    """The connection string for this address; the host's name is there for TLS only (security rows 2 and 3).

    `timeout` in seconds is when the kernel gives up on sent bytes that the server does not acknowledge.
    """
    given = {
        "host": options.host,
        "hostaddr": address,
        "port": port,
        "user": options.user,
        "password": options.password or "",
        "dbname": options.dbname,
        "sslmode": options.sslmode,
        "require_auth": f"password,{HASHED}" if _may_show_password(options) else HASHED,
        "sslrootcert": rootcert,
        "tcp_user_timeout": max(1, round(timeout * 1000)),
    }
    return make_conninfo("", **(_against_environment() | FIXED | given))


def _may_show_password(options: PgOptions) -> bool:
    """Under `prefer` a server chooses to have no TLS; a tunnel hides the way to the gateway alone (security row 19)."""
    return options.sslmode != "prefer" or options.allow_cleartext_password


def _against_environment() -> dict[str, Any]:
    """libpq's own defaults, for every option that a variable of the environment would set instead."""
    return {
        (name := option.keyword.decode()): (option.compiled or b"").decode() or UNSET.get(name, "")
        for option in Conninfo.get_defaults()
        if option.envvar and option.envvar != SERVICE
    }


@contextmanager
def root_certificate(options: PgOptions) -> Iterator[str]:
    """What to give as `sslrootcert`; a given certificate lies in a file that only we can read, while this lasts."""
    if not options.rootcert:
        yield "system" if options.sslmode == "verify-full" else NOWHERE
        return
    descriptor, name = tempfile.mkstemp(prefix="sourcecheck-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(options.rootcert)
        yield name
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def no_environment() -> Iterator[None]:
    """Hide the variables that libpq reads whatever it is given: `PGSERVICE`, and `PGTZ` and its like at login."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PG")}
    try:
        yield
    finally:
        os.environ.update(hidden)
