"""What libpq is told, all of it: nothing is left for it to look up in the worker's environment or files."""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from datasources.databases.postgres.model import PgOptions
from datasources.network.tls import MODES, Verification

NOWHERE = "/nonexistent/sourcecheck"
"""For files that libpq would otherwise look for in the worker's home."""
KEEPALIVE: dict[str, Any] = {"keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
FIXED: dict[str, Any] = KEEPALIVE | {
    "sslcrl": NOWHERE,
    "sslcrldir": NOWHERE,
    "passfile": NOWHERE,
    "gssencmode": "disable",
    "application_name": "sourcecheck",
    "connect_timeout": 0,  # we hold the limit, over all addresses and stages
}
SYSTEM_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Red Hat, Fedora
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS
)
HASHED = "md5,scram-sha-256,none"
"""The ways to log in that show the password neither to an eavesdropper nor to the server."""
SERVICE = b"PGSERVICE"
"""No parameter overrides it: libpq reads it whenever it parses a connection string."""
UNSET = {"min_protocol_version": "3.0", "max_protocol_version": "3.0"}
"""What libpq does when these are not set at all; it refuses them empty, and older ones do not know them."""


class Certificates(Struct, frozen=True):
    """Files as libpq is told of them; `NOWHERE` for what is not given."""

    root: str = NOWHERE
    own: str = NOWHERE
    key: str = NOWHERE


def conninfo(
    options: PgOptions, address: str, port: int, files: Certificates, timeout: float, *, bound: bool = True
) -> str:
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
        "sslrootcert": files.root,
        "sslcert": files.own,
        "sslkey": files.key,
        "sslcertmode": "allow" if options.sslcert else "disable",
        "channel_binding": "prefer" if bound else "disable",
        "tcp_user_timeout": max(1, round(timeout * 1000)),
    }
    return make_conninfo("", **(_against_environment() | FIXED | given))


def _may_show_password(options: PgOptions) -> bool:
    """Under `prefer` a server chooses to have no TLS; a tunnel hides the way to the gateway alone (security row 19)."""
    return options.sslmode != "prefer" or options.allow_cleartext_password


def verification_of(options: PgOptions) -> Verification:
    """What libpq verifies of a server's certificate: with an authority at hand, it asks that one in every mode."""
    found = MODES[options.sslmode] or "none"
    return "ca" if found == "none" and options.rootcert else found


def _against_environment() -> dict[str, Any]:
    """libpq's own defaults, for every option that a variable of the environment would set instead."""
    return {
        (name := option.keyword.decode()): (option.compiled or b"").decode() or UNSET.get(name, "")
        for option in Conninfo.get_defaults()
        if option.envvar and option.envvar != SERVICE
    }


@contextmanager
def certificate_files(options: PgOptions) -> Iterator[Certificates]:
    """What is given lies in files that only we can read, while this lasts."""
    with ExitStack() as stack:
        root, own, key = (
            stack.enter_context(_file(text)) if text else None
            for text in (options.rootcert, options.sslcert, options.sslkey)
        )
        if root is None and options.sslmode == "verify-full":
            root = system_certificates()
        yield Certificates(root or NOWHERE, own or NOWHERE, key or NOWHERE)


@contextmanager
def _file(text: str) -> Iterator[str]:
    descriptor, name = tempfile.mkstemp(prefix="sourcecheck-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "w", newline="\n") as file:
            file.write("\n".join(text.splitlines()) + "\n")
        yield name
    finally:
        Path(name).unlink(missing_ok=True)


def system_certificates() -> str:
    """The system's own store, as a file; the word `system` leaves it to libpq where none of the usual ones is there.

    libpq would look where its OpenSSL was built to look, which for a packaged driver is a folder that does not exist.
    """
    built = ssl.get_default_verify_paths().openssl_cafile
    return next((path for path in (*SYSTEM_STORES, built) if Path(path).is_file()), "system")


@contextmanager
def no_environment() -> Iterator[None]:
    """Hide the variables that libpq reads whatever it is given: `PGSERVICE`, and `PGTZ` and its like at login."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PG")}
    try:
        yield
    finally:
        os.environ.update(hidden)
