"""From a body of the hyphen API to the fields of the underscore API, which both share (contract 2.7).

What is given goes under the name that the type has for it; what the type has no field for is refused, never dropped.
"""

from typing import Any

import msgspec
from msgspec import Struct

from api.wire.errors import Invalid
from api.wire.faults import Fault, fault_of, faults, together
from api.wire.hyphen.bodies import ChangedSource, Credentials, DialectFields, NewSource
from api.wire.hyphen.places import CREDENTIALS, TUNNEL, TUNNEL_SECRETS, schema_option
from api.wire.registration import MAX_FIELDS_BYTES, decode, refuse_secrets, unknown_type
from datasources.databases import ALIASES, DATABASES
from datasources.databases.base import Database
from datasources.databases.urls import first_of, options_from_url
from datasources.model.source import Shown

Data = dict[str, Any]

PLACES: tuple[Shown, ...] = ("host", "port", "database_name", "file_path")
"""Fields that are options of a type, by its `shown_as`."""
FIXED = ("type", "workspace_id")
"""Fields that no change may have."""
SHARED = ("name", "description", "tags", "connection_timeout", "query_timeout")
"""Fields that both APIs have under one name."""


class Read(Struct, frozen=True):
    """A body in the words of the underscore API, and what only the hyphen API has."""

    shared: Data
    dialect: Data
    faults: list[Fault]
    """What is wrong with it, beside what the rules of the underscore API find."""


def read_new(body: bytes) -> Read:
    """A source to be registered. Raises `Invalid` naming every field at fault, when there is no telling the rest."""
    given = decode(body)
    word = given.get("type")
    kind = DATABASES.get(ALIASES.get(word, word)) if isinstance(word, str) else None
    wrong = _faults_of(given, NewSource)
    if kind is None and isinstance(word, str):
        wrong += unknown_type(word, [database.shown_word() for database in DATABASES.values()]).errors
    if kind is None or wrong:
        raise together(wrong)
    options, found = _options(given, kind)
    found += _absent(given, options, kind)
    tunnel, more = _tunnel(given, before=False)
    dialect, wrong = _dialect(given)
    shared = _shared(given) | {"type": kind.word(), "options": options}
    if tunnel is not None:
        shared["ssh_tunnel"] = tunnel
    if given.get("workspace_id") is not None:
        dialect["workspace_id"] = given["workspace_id"]
    return Read(shared, dialect, [*found, *more, *wrong])


def read_change(body: bytes, kind: type[Database], *, tunnelled: bool) -> Read:
    """Some fields of a source of this kind, which is `tunnelled` so far. Raises `Invalid` as `read_new` does."""
    given = decode(body)
    fixed = [name for name in FIXED if name in given]
    wrong = [f for n in fixed for f in Invalid(["body", n], f"The {n} of a data source cannot be changed").errors]
    given = {name: value for name, value in given.items() if name not in fixed}
    wrong += _faults_of(given, ChangedSource)
    if wrong:
        raise together(wrong)
    options, found = _options(given, kind)
    dialect, wrong = _dialect(given)
    shared = _shared(given) | ({"options": options} if options else {})
    if given.keys() & {"use_ssh_tunnel", *TUNNEL} or TUNNEL_SECRETS.keys() & _credentials(given).keys():
        shared["ssh_tunnel"], more = _tunnel(given, before=tunnelled)
        found += more
    return Read(shared, dialect, [*found, *wrong])


def _faults_of(given: Data, kind: type[NewSource | ChangedSource]) -> list[Fault]:
    """What is wrong with the fields, each by itself."""
    try:
        msgspec.convert(given, kind)
    except msgspec.ValidationError:
        return faults(given, kind, {"": kind.__struct_fields__, "credentials": Credentials.__struct_fields__})
    return []


def _absent(given: Data, options: Data, kind: type[Database]) -> list[Fault]:
    """The places that the type needs, and that are not given."""
    shown = kind.options.shown_as
    needed = [name for name in PLACES if name in shown and shown[name] not in options]
    return [
        fault
        for name in needed
        if not (name == "port" and "connection_string" in given)
        for fault in Invalid(["body", name], f"{kind.title} needs {name}", "missing").errors
    ]


def _shared(given: Data) -> Data:
    return {name: given[name] for name in SHARED if name in given}


def _dialect(given: Data) -> tuple[Data, list[Fault]]:
    """What is given of the hyphen API's own fields, and what is wrong with it; a null is their default."""
    names = given.keys() & set(DialectFields.__struct_fields__)
    found: list[Fault] = []
    if "metadata" in names:
        found += fault_of(_refuse_large, given["metadata"])
        found += fault_of(refuse_secrets, given["metadata"], ["body", "metadata"])
    own = {name: given[name] if given[name] is not None else getattr(DialectFields(), name) for name in names}
    return own, found


def _refuse_large(metadata: Any) -> None:
    if len(msgspec.json.encode(metadata)) > MAX_FIELDS_BYTES:
        raise Invalid(["body", "metadata"], "This is too large")


def _credentials(given: Data) -> Data:
    return {name: value for name, value in (given.get("credentials") or {}).items() if value is not None}


def _options(given: Data, kind: type[Database]) -> tuple[Data, list[Fault]]:
    """What is given of the type's options, by fields, credentials and connection string, and what is wrong with it."""
    options, found = _places(given, kind)
    if "schema_name" in given and (field := schema_option(kind)) is not None:
        options[field] = given["schema_name"]
    for credential, value in _credentials(given).items():
        if credential in TUNNEL_SECRETS:
            continue
        if (name := first_of(CREDENTIALS[credential], kind.options.__struct_fields__)) is not None:
            options[name] = value
        else:
            found += Invalid(["body", "credentials", credential], f"{kind.title} does not use this field").errors
    places = {"options": given.get("options") or {}}
    if (text := given.get("connection_string")) is not None:
        try:
            places["connection_string"] = options_from_url(text, kind)
        except ValueError as error:
            found += Invalid(["body", "connection_string"], str(error)).errors
    for place, more in places.items():
        for name, value in more.items():
            if name in options and str(options[name]) != str(value):
                found += Invalid(["body", place], f"Its {name} differs from the one in the fields").errors
        options = more | options
    return options, found


def _places(given: Data, kind: type[Database]) -> tuple[Data, list[Fault]]:
    """Where the source is, as the type's options say it; a null gives way to a connection string."""
    options: Data = {}
    found: list[Fault] = []
    for name in PLACES:
        field = kind.options.shown_as.get(name)
        if field is None:
            if given.get(name) is not None:
                found += Invalid(["body", name], f"{kind.title} has no {name}").errors
        elif name in given and (given[name] is not None or "connection_string" not in given):
            options[field] = given[name]
    return options, found


def _tunnel(given: Data, *, before: bool) -> tuple[Data | None, list[Fault]]:
    """The gateway, as far as it is given, None without one; and what is wrong with it.

    `before`: whether the source has one already.
    """
    wanted = given.get("use_ssh_tunnel", before)
    fields = {own: given[name] for name, own in TUNNEL.items() if given.get(name) is not None}
    secrets = {own: value for name, own in TUNNEL_SECRETS.items() if (value := _credentials(given).get(name))}
    if wanted:
        return fields | secrets, []
    places = [[name] for name in ("ssh_host", "ssh_username") if given.get(name) is not None]
    places += [["credentials", name] for name in TUNNEL_SECRETS if name in _credentials(given)]
    sentence = "A gateway is used only with use_ssh_tunnel: true"
    return None, [fault for place in places for fault in Invalid(["body", *place], sentence).errors]
