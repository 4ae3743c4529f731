"""A database's URL as a source, by the rules of its own options: what they do not name is refused."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from datasources.databases import ALIASES, DATABASES, AnySource
from datasources.databases.base import Database
from datasources.model.inputs.nearest import did_you_mean
from datasources.model.inputs.texts import plain
from datasources.model.source import Options, Source

ALSO_SCHEMES = {"postgres": "pg"}
"""Schemes that are no words for a type."""
USER_FIELDS = ("user", "username", "key_id", "aws_access_key_id", "m2m_client_id", "client_id")
PASSWORD_FIELDS = ("password", "secret", "aws_secret_access_key", "m2m_client_secret", "client_secret")
"""Options that a URL's user and password may be: the first that the type has."""
OF_SOURCE = {"temp_schema": "temp_schema", "connect_timeout": "connection_timeout", "query_timeout": "query_timeout"}
"""Parameters about the source itself, to its fields."""
HASH = "a # in a user name, a password or a path is written %23"
UNREADABLE = "the URL cannot be read: check its port and brackets; a / in a user name or a password is written %2F"


def source_from_url(url: str, more: dict[str, str] | None = None) -> Source:
    """The source that a URL such as `postgresql://user:password@host:5432/database?sslmode=require` means.

    Driver names (`mysql+pymysql://`) are left out of account. `more` are options and fields beside the URL. Raises
    `ValueError` with a sentence that holds no value of the URL.
    """
    parts, port = _split(url)
    database = _database_of(parts.scheme)
    given = _place(parts, port, database)
    return _converted(database, _with_parameters(database, given, [*_parameters(parts), *(more or {}).items()]))


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        scheme, separator, rest = url.strip().partition("://")  # no scheme may have the underscores of our words
        parts = urlsplit(scheme.replace("_", "-") + separator + rest)
        port = parts.port
    except ValueError as error:
        raise ValueError(HASH if "#" in url else UNREADABLE) from error
    if parts.fragment or url.rstrip().endswith("#"):
        raise ValueError(HASH)
    return parts, port


def options_from_url(url: str, database: type[Database]) -> dict[str, Any]:
    """The options of this type of database that a URL says: what the type has no option for is refused.

    Raises `ValueError` with a sentence that holds no value of the URL.
    """
    parts, port = _split(url)
    if _database_of(parts.scheme) is not database:
        raise ValueError(f"the URL is not that of a {database.title} source")
    texts = _place(parts, port, database)
    for given, value in _parameters(parts):
        name = database.options.also_called.get(given, given)
        if name not in database.options.__struct_fields__:
            known = database.options.__struct_fields__
            raise ValueError(f"it holds more than the fields can: {given!r}{did_you_mean(given, known)}")
        if name in texts:
            raise ValueError(f"{given!r} is given twice")
        texts[name] = value
    kinds = {field.name: field.type for field in msgspec.structs.fields(database.options)}
    try:
        return {name: msgspec.convert(value, kinds[name], strict=False) for name, value in texts.items()}
    except msgspec.ValidationError as error:
        raise ValueError("one of its values is not valid for the type") from error


def _database_of(scheme: str) -> type[Database]:
    word = scheme.lower().partition("+")[0].replace("-", "_")
    word = ALIASES.get(word, ALSO_SCHEMES.get(word, word))
    if word not in DATABASES:
        known = sorted({*DATABASES, *ALIASES})
        said = f"{word!r} is not a type of database" if word else "a URL begins with the type of database and ://"
        raise ValueError(f"{said}{did_you_mean(word, known)}; use one of {', '.join(known)}")
    return DATABASES[word]


def _place(parts: SplitResult, port: int | None, database: type[Database]) -> dict[str, str]:
    """What stands before the parameters, by the names of the type's options. Raises `ValueError`."""
    if "file_path" in database.options.shown_as:
        return {database.options.shown_as["file_path"]: _path(parts)}
    shown, names = database.options.shown_as, database.options.__struct_fields__
    given = {
        "host": (unquote(parts.hostname or ""), shown.get("host")),
        "port": ("" if port is None else str(port), shown.get("port")),
        "user": (unquote(parts.username or ""), first_of(USER_FIELDS, names)),
        "password": (unquote(parts.password or ""), first_of(PASSWORD_FIELDS, names)),
        "database": (unquote(parts.path.removeprefix("/")), shown.get("database_name")),
    }
    found = {}
    for what, (value, field) in given.items():
        if value and field is None:
            raise ValueError(f"{database.title} has no {what}")
        if value and field is not None:
            found[field] = value
    return found


def first_of(candidates: Iterable[str], names: Iterable[str]) -> str | None:
    """The first of the candidates that is one of the names."""
    known = set(names)
    return next((name for name in candidates if name in known), None)


def _path(parts: SplitResult) -> str:
    """`sqlite:///relative.db` or `sqlite:////absolute.db`, as SQLAlchemy has it."""
    if parts.netloc or len(parts.path) < 2:
        raise ValueError(f"the path of a file has three slashes before it: {parts.scheme}:///PATH")
    return unquote(parts.path[1:])


def _parameters(parts: SplitResult) -> list[tuple[str, str]]:
    try:
        return parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True) if parts.query else []
    except ValueError as error:
        raise ValueError("the parameters of the URL cannot be read: ?NAME=VALUE&NAME=VALUE") from error


def _with_parameters(
    database: type[Database], options: dict[str, str], parameters: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": database.word(), "name": "try", "options": options}
    known = {*database.options.__struct_fields__, *OF_SOURCE}
    for given, value in parameters:
        name = database.options.also_called.get(given, given)
        if name not in known:
            raise ValueError(f"unknown parameter {given!r} of {database.title}{did_you_mean(given, known)}")
        place, field = (fields, OF_SOURCE[name]) if name in OF_SOURCE else (options, name)
        if field in place:
            raise ValueError(f"{given!r} is given twice")
        place[field] = value
    return fields


def _converted(database: type[Database], fields: dict[str, Any]) -> Source:
    for field in msgspec.structs.fields(database.options):
        if field.required and field.name not in fields["options"]:
            raise ValueError(f"the URL has no {field.name}: {_example(database.options, fields['type'])}")
    try:
        source: Source = msgspec.convert(fields, AnySource, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        option = path.rstrip("`").removeprefix("options").removeprefix(".")
        raise ValueError(f"{option}: {plain(reason)}" if option else plain(reason)) from error
    return source


def _example(options: type[Options], word: str) -> str:
    return f"{word}:///PATH" if "file_path" in options.shown_as else f"{word}://USER:PASSWORD@HOST:PORT/DATABASE"
