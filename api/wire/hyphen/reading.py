"""From a body of the hyphen API to the fields of the underscore API, which both share (contract 2.7).

What is given goes under the name that the type has for it; what the type has no field for is refused, never dropped.
"""

from typing import Any

import msgspec
from msgspec import Struct

from api.wire.errors import Invalid
from api.wire.hyphen.bodies import ChangedSource, Credentials, DialectFields, NewSource
from api.wire.hyphen.places import CREDENTIALS, TUNNEL, TUNNEL_SECRETS, schema_option
from api.wire.registration import MAX_FIELDS_BYTES, decode, read_known, refuse_secrets
from datasources.databases import ALIASES, DATABASES
from datasources.databases.base import Database
from datasources.databases.urls import first_of, options_from_url
from datasources.model.source import Shown

Data = dict[str, Any]

PLACES: tuple[Shown, ...] = ("host", "port", "database_name", "file_path")
"""Fields that are options of a type, by its `shown_as`."""
SHARED = ("name", "description", "tags", "connection_timeout", "query_timeout")
"""Fields that both APIs have under one name."""


class Read(Struct, frozen=True):
    """A body in the words of the underscore API, and what only the hyphen API has."""

    shared: Data
    dialect: Data


def read_new(body: bytes) -> Read:
    """A source to be registered. Raises `Invalid` naming the field."""
    given = decode(body)
    kind = _kind(given)
    known = read_known(given, NewSource, credentials=Credentials.__struct_fields__)
    options = _options(given, kind)
    for name in PLACES:
        field = kind.options.shown_as.get(name)
        if field is not None and field not in options and not (name == "port" and "connection_string" in given):
            raise Invalid(["body", name], f"{kind.title} needs {name}", "missing")
    tunnel = _tunnel(given, before=False)
    shared = _shared(given) | {"type": kind.word(), "options": options}
    if tunnel is not None:
        shared["ssh_tunnel"] = tunnel
    dialect = _dialect(given)
    if known.workspace_id is not None:
        dialect["workspace_id"] = known.workspace_id
    return Read(shared, dialect)


def read_change(body: bytes, kind: type[Database], *, tunnelled: bool) -> Read:
    """Some fields of a source of this kind, which is `tunnelled` so far. Raises `Invalid` naming the field."""
    given = decode(body)
    for name in ("type", "workspace_id"):
        if name in given:
            raise Invalid(["body", name], f"The {name} of a data source cannot be changed")
    read_known(given, ChangedSource, credentials=Credentials.__struct_fields__)
    shared = _shared(given)
    if options := _options(given, kind):
        shared["options"] = options
    if given.keys() & {"use_ssh_tunnel", *TUNNEL} or TUNNEL_SECRETS.keys() & _credentials(given).keys():
        shared["ssh_tunnel"] = _tunnel(given, before=tunnelled)
    return Read(shared, _dialect(given))


def _kind(given: Data) -> type[Database]:
    if "type" not in given:
        raise Invalid(["body", "type"], "This field is required", "missing")
    word = given["type"]
    kind = DATABASES.get(ALIASES.get(word, word)) if isinstance(word, str) else None
    if kind is None:
        known = sorted({database.shown_word() for database in DATABASES.values()})
        raise Invalid(["body", "type"], f"Unknown type; use one of {', '.join(known)}")
    return kind


def _shared(given: Data) -> Data:
    return {name: given[name] for name in SHARED if name in given}


def _dialect(given: Data) -> Data:
    """What is given of the hyphen API's own fields; a null is their default."""
    names = given.keys() & set(DialectFields.__struct_fields__)
    if "metadata" in names:
        _refuse_large(given["metadata"])
        refuse_secrets(given["metadata"], ["body", "metadata"])
    return {name: given[name] if given[name] is not None else getattr(DialectFields(), name) for name in names}


def _refuse_large(metadata: Any) -> None:
    if len(msgspec.json.encode(metadata)) > MAX_FIELDS_BYTES:
        raise Invalid(["body", "metadata"], "This is too large")


def _credentials(given: Data) -> Data:
    return {name: value for name, value in (given.get("credentials") or {}).items() if value is not None}


def _options(given: Data, kind: type[Database]) -> Data:
    """What is given of the type's options, from the fields, the credentials and the connection string."""
    found: Data = {}
    for name in PLACES:
        if given.get(name) is not None or (name in given and name in kind.options.shown_as):
            if name not in kind.options.shown_as:
                raise Invalid(["body", name], f"{kind.title} has no {name}")
            if given[name] is not None or "connection_string" not in given:
                found[kind.options.shown_as[name]] = given[name]
    if "schema_name" in given and (field := schema_option(kind)) is not None:
        found[field] = given["schema_name"]
    for credential, value in _credentials(given).items():
        if credential not in TUNNEL_SECRETS:
            found[_option_of(credential, kind)] = value
    found = _joined(found, given.get("options") or {}, "options")
    if (text := given.get("connection_string")) is not None:
        return _joined(found, _from_string(text, kind), "connection_string")
    return found


def _option_of(credential: str, kind: type[Database]) -> str:
    name = first_of(CREDENTIALS[credential], kind.options.__struct_fields__)
    if name is not None:
        return name
    raise Invalid(["body", "credentials", credential], f"{kind.title} does not use this field")


def _from_string(text: str, kind: type[Database]) -> Data:
    try:
        return options_from_url(text, kind)
    except ValueError as error:
        raise Invalid(["body", "connection_string"], str(error)) from error


def _joined(fields: Data, more: Data, place: str) -> Data:
    """Both; where both say it, they say the same."""
    for name, value in more.items():
        if name in fields and str(fields[name]) != str(value):
            raise Invalid(["body", place], f"It says another {name} than the fields do")
    return more | fields


def _tunnel(given: Data, *, before: bool) -> Data | None:
    """The gateway, as far as it is given; None without one. `before`: whether the source has one already."""
    wanted = given.get("use_ssh_tunnel", before)
    fields = {own: given[name] for name, own in TUNNEL.items() if given.get(name) is not None}
    secrets = {own: value for name, own in TUNNEL_SECRETS.items() if (value := _credentials(given).get(name))}
    if wanted:
        return fields | secrets
    for name in ("ssh_host", "ssh_username"):
        if given.get(name) is not None:
            raise Invalid(["body", name], "A gateway is used only with use_ssh_tunnel: true")
    for name in TUNNEL_SECRETS:
        if name in _credentials(given):
            raise Invalid(["body", "credentials", name], "A gateway is used only with use_ssh_tunnel: true")
    return None
