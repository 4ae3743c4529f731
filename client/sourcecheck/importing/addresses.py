"""SQLAlchemy's addresses: `postgresql+psycopg2://user:password@host:5432/database?sslmode=require`."""

from collections.abc import Iterable
from functools import partial
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from sourcecheck.importing.found import Facts, Found, NoSource
from sourcecheck.importing.types import to_source

FILES = ("sqlite", "duckdb")


def from_addresses(named: Iterable[tuple[str, str]]) -> Found:
    """Sources from pairs of a name and an address; an empty name becomes that of the host and the database."""
    found = Found()
    for given, address in named:
        name = given or default_name(address)
        found.add(name, partial(_source, name, address))
    return found


def _source(name: str, address: str) -> tuple[dict[str, Any], list[str]]:
    return to_source(name, facts_of(address))


def facts_of(address: str) -> Facts:
    """What an address says. Raises `NoSource`, with no part of the address in the sentence."""
    scheme, sign, _ = address.strip().partition("://")
    if not sign or not scheme:
        raise NoSource("it is not an address: TYPE://USER:PASSWORD@HOST:PORT/DATABASE")
    try:
        parts = _split(address)
        port = parts.port
    except ValueError as error:
        raise NoSource("the address cannot be read") from error
    kind = scheme.partition("+")[0]
    more: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    path = unquote(parts.path[1:])
    if kind in FILES:
        return Facts(kind=kind, database=path, more=more)
    facts = Facts(
        kind=scheme,
        host=more.pop("host", None) or unquote(parts.hostname or ""),
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=path,
        more=more,
    )
    if kind == "snowflake":
        facts.more["account"] = facts.host
        facts.database, _, facts.more["schema"] = path.partition("/")
    if str(facts.host).startswith("/"):
        raise NoSource("a server behind a Unix socket can be reached only from its own machine")
    return facts


def default_name(address: str) -> str:
    """Host and database of an address, and nothing else of it."""
    try:
        parts = _split(address)
    except ValueError:
        return "source"
    return f"{parts.hostname or ''}{parts.path}".strip("/") or "source"


def _split(address: str) -> SplitResult:
    """The parts of an address, whose scheme may have an underscore. Raises `ValueError`."""
    _, sign, rest = address.strip().partition("://")
    return urlsplit(f"x://{rest if sign else ''}")
