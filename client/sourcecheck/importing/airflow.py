"""Airflow's connections: URIs and JSON, in variables `AIRFLOW_CONN_…` or in a file of `airflow connections export`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from sourcecheck.errors import SourcecheckError, reason_of
from sourcecheck.files.document import read_document
from sourcecheck.importing.found import Facts, Found, NoSource
from sourcecheck.importing.types import SNOWFLAKE, TARGETS, to_source

PREFIX = "AIRFLOW_CONN_"
KINDS = {"google_cloud_platform": "bigquery", "gcpbigquery": "bigquery"}


def from_environment(environ: Mapping[str, str] = os.environ) -> Found:
    """Every variable `AIRFLOW_CONN_NAME`, as the source `name`."""
    found = Found()
    for variable in sorted(environ):
        if variable.startswith(PREFIX):
            _add(found, variable.removeprefix(PREFIX).lower(), environ[variable])
    return found


def from_export(path: Path) -> Found:
    """A file that `airflow connections export` writes: JSON, YAML or environment. Raises `SourcecheckError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourcecheckError(f"{path}: {reason_of(error)}") from error
    found = Found()
    if path.suffix == ".env":
        for line in text.splitlines():
            name, sign, value = line.strip().partition("=")
            if sign and not name.startswith("#"):
                _add(found, name.removeprefix(PREFIX), value.strip().strip("'\""))
        return found
    document = read_document(path, text)
    if not isinstance(document.value, dict):
        raise document.error((), "these are not connections of Airflow")
    for name, connection in document.value.items():
        _add(found, name, connection)
    return found


def _add(found: Found, name: str, given: Any) -> None:
    found.add(name, lambda: to_source(name, facts_of(given)))


def facts_of(given: Any) -> Facts:
    """A connection as a URI, as JSON, or as its fields. Raises `NoSource`."""
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            given = msgspec.json.decode(given)
        except msgspec.DecodeError as error:
            raise NoSource("its JSON cannot be read") from error
    if isinstance(given, str):
        return _from_uri(given)
    if not isinstance(given, dict):
        raise NoSource("it is neither a URI nor JSON")
    extra = given.get("extra") or {}
    if isinstance(extra, str):
        try:
            extra = msgspec.json.decode(extra)
        except msgspec.DecodeError as error:
            raise NoSource("its extra is not JSON") from error
    return _facts(str(given.get("conn_type", "")), given, extra if isinstance(extra, dict) else {})


def _from_uri(uri: str) -> Facts:
    """Airflow's URIs have the type as their scheme, with dashes, and the extra as their parameters."""
    try:
        parts = urlsplit(uri.strip())
        port = parts.port
    except ValueError as error:
        raise NoSource("its URI cannot be read") from error
    if not parts.scheme:
        raise NoSource("it is neither a URI nor JSON")
    extra: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "__extra__" in extra:
        try:
            extra = msgspec.json.decode(extra["__extra__"], type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise NoSource("its extra is not JSON") from error
    fields = {
        "host": _host(parts.netloc),
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "schema": unquote(parts.path[1:]),
        "port": port,
    }
    return _facts(parts.scheme.replace("-", "_"), fields, extra)


def _host(netloc: str) -> str:
    """As it is written: a path, which some types have there, has its capitals."""
    host = netloc.rpartition("@")[2]
    return unquote(host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0])


def _facts(kind: str, fields: Mapping[str, Any], extra: dict[str, Any]) -> Facts:
    """What Airflow calls schema is the database, but for Snowflake, which has its own, and Oracle: a service."""
    more = {name.rpartition("__")[2] if name.startswith("extra__") else name: value for name, value in extra.items()}
    facts = Facts(
        kind=KINDS.get(kind, kind),
        host=fields.get("host"),
        port=fields.get("port"),
        user=fields.get("login"),
        password=fields.get("password"),
        database=fields.get("schema"),
        more=more,
    )
    if TARGETS.get(kind) is SNOWFLAKE:
        more["schema"], facts.database = facts.database, more.pop("database", None)
    if kind == "oracle" and facts.database:
        word = "schema" if more.get("service_name") or more.get("sid") or more.get("dsn") else "service_name"
        more[word], facts.database = facts.database, None
    if kind == "sqlite":
        facts.database = facts.host or facts.database
    return facts
