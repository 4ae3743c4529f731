"""From what a client sent to a row of the catalogue: validated, split from its secrets, nothing lost."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Struct

from api.wire.errors import Invalid, invalid, unknown
from api.wire.faults import MOST_FAULTS, REQUIRED, Fault, fault_of, faults, together
from api.wire.requests import ANSWERED_ONLY, PUBLISHED_FIELDS, SourceFields
from api.wire.schemas import SourceAnswer
from datasources.catalogue.tables import DataSource
from datasources.databases import ALIASES, DATABASES, AnySource
from datasources.health.cron import refuse_cron
from datasources.model.inputs.nearest import did_you_mean
from datasources.model.inputs.secret_references import FIELD, escaped, is_reference, unescaped
from datasources.model.inputs.texts import LINE_BREAKS, hidden_character
from datasources.model.source import Source, SshTunnel
from datasources.network.pem import misfits_in
from datasources.secrecy.scrubber import MASK
from datasources.secrecy.vault import Vault

T = TypeVar("T", bound=Struct)

OWN_COLUMNS = ("name", "type", "temp_schema", "options", "ssh_tunnel")
KNOWN_FIELDS = frozenset({*OWN_COLUMNS, *SourceFields.__struct_fields__, *PUBLISHED_FIELDS, *ANSWERED_ONLY})
SECRET_WORDS = ("password", "passwd", "secret", "token", "private_key", "passphrase", "api_key")
MASKS = frozenset({MASK, "<hidden>", "[hidden]", "(hidden)", "<redacted>", "[redacted]", "REDACTED"})
MASK_CHARACTERS = frozenset("*•●∙·")
"""A text of any length that consists of one of these only is a mask."""
SOURCES: dict[str, type[Source]] = {kind.__struct_config__.tag: kind for kind in get_args(AnySource)}
"""The struct of a source of each type."""
MAX_FIELDS_BYTES = 64 * 1024
MAX_DEPTH = 32
"""Of nested JSON: what is deeper would be stored, and could not be read again."""
LARGEST = 2**63 - 1
"""What is larger, a number of PostgreSQL's JSON would hold, and many a client's reader would not."""
TOO_DEEP = "Nested too deeply"
SHOWN = {
    "name": "",
    "temp_schema": "",
    "tags": "",
    "description": LINE_BREAKS,
    "catalog_include_list": LINE_BREAKS,
    "catalog_exclude_list": LINE_BREAKS,
}
"""Fields that other people see, and what each may hold beside visible characters."""
_ENDLESS = msgspec.json.Decoder(float_hook=float)
HIDDEN = "Control characters, and characters that hide or reverse text, are not accepted (here: {code})"


def decode(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises `Invalid`."""
    try:
        data = _decode(body or b"{}")
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(["body"], str(error), "json_invalid") from error
    except RecursionError as error:
        raise Invalid(["body"], TOO_DEEP) from error
    if not isinstance(data, dict):
        raise Invalid(["body"], "Expected an object")
    if not is_storable(data):
        _refuse_unstorable(data, ["body"])
    return data


def _decode(body: bytes) -> Any:
    """JSON as plain data; a number beyond every float is infinite here, so that its field can be named."""
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError:
        return _ENDLESS.decode(body)


def read(body: bytes, kind: type[T]) -> T:
    """A JSON object of this kind. Raises `Invalid` naming the field."""
    return read_known(decode(body), kind)


def read_known(data: dict[str, Any], kind: type[T]) -> T:
    """The same of decoded JSON. Raises `Invalid` naming every field at fault."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise together(faults(data, kind, {"": kind.__struct_encode_fields__})) from error


def strangers_in(data: Iterable[str], more: Iterable[str] = ()) -> list[Fault]:
    """Names that are none of a source, nor one of `more`, which it has already: each with the nearest known name."""
    strangers = [name for name in data if name not in KNOWN_FIELDS and name not in more][:MOST_FAULTS]
    return [fault for name in strangers for fault in unknown(["body", name], KNOWN_FIELDS).errors]


def is_storable(value: Any, depth: int = 1) -> bool:
    """Whether PostgreSQL takes this plain data: a quick walk, because a body may hold a hundred thousand values."""
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, dict):
        return all("\0" not in key and is_storable(item, depth + 1) for key, item in value.items())
    if isinstance(value, list):
        return all(is_storable(item, depth + 1) for item in value)
    return not isinstance(value, int | float) or -LARGEST <= value <= LARGEST


def _refuse_unstorable(value: Any, loc: list[str | int]) -> None:
    """PostgreSQL stores no NUL in a text."""
    if len(loc) > MAX_DEPTH:
        raise Invalid(["body"], TOO_DEEP)
    if isinstance(value, str) and "\0" in value:
        raise Invalid(loc, "NUL characters are not accepted")
    if isinstance(value, int | float) and not -LARGEST <= value <= LARGEST:
        raise Invalid(loc, "Numbers have to fit into 64 bits")
    for key, item in _items(value):
        if isinstance(key, str) and "\0" in key:
            raise Invalid(loc, "NUL characters are not accepted")
        _refuse_unstorable(item, [*loc, key])


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    """What a JSON object or array holds, each under its name or number; nothing for a value."""
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def hidden_in(given: dict[str, Any]) -> list[Fault]:
    """Characters that cannot be seen in what other people see: a fault for each text that has one."""
    found: list[Fault] = []
    for name, allowed in SHOWN.items():
        value = given.get(name)
        texts = [([name], value)] if isinstance(value, str) else _numbered(name, value)
        for loc, text in texts:
            if char := hidden_character(text, allowed):
                found += Invalid(["body", *loc], HIDDEN.format(code=f"U+{ord(char):04X}")).errors
    return found


def _numbered(name: str, value: Any) -> list[tuple[list[str | int], str]]:
    items = enumerate(value) if isinstance(value, list) else ()
    return [([name, number], text) for number, text in items if isinstance(text, str)]


def parse(
    data: dict[str, Any], found: Sequence[Fault] = (), stored: Mapping[str, Any] | None = None
) -> tuple[Source, dict[str, Any]]:
    """The typed source, and its other fields as they were given.

    `found` are faults that are known before; `stored` are the options of a source that is changed, whose certificates
    and keys were accepted when they were new. Raises `Invalid` naming every field at fault.
    """
    data = {name: value for name, value in data.items() if name not in ANSWERED_ONLY}
    if wrong := _type_at_fault(data):
        raise together([*found, *wrong, *_faults_of_any_type(data)])
    data["options"] = DATABASES[data["type"]].options.under_own_names(data.get("options"))
    found = [*found, *_masks(data)]
    if isinstance(data.get("name"), str) and not data["name"].strip():
        found += Invalid(["body", "name"], "The name must not be blank").errors
    references = _take_references(data)
    try:
        source: Source = msgspec.convert({n: v for n, v in data.items() if v is not None or n == "options"}, AnySource)
        fields = msgspec.convert({n: v for n, v in data.items() if v is not None}, SourceFields)
    except msgspec.ValidationError as error:
        raise together([*found, *_all_faults(data)]) from error
    found += [*_schedules_at_fault(fields), *_certificates_at_fault(source, references, stored or {})]
    extras = {
        name: value for name, value in data.items() if name not in (*OWN_COLUMNS, *SourceFields.__struct_fields__)
    }
    found += fault_of(refuse_secrets, extras, ["body"])
    if found:
        raise together(found)
    kept = extras | msgspec.to_builtins(fields) | ({FIELD: references} if references else {})
    source = msgspec.structs.replace(source, secret_references=references)
    if len(msgspec.json.encode(kept)) > MAX_FIELDS_BYTES:
        raise Invalid(["body"], "The optional fields are too large")
    return source, kept


def _all_faults(data: dict[str, Any]) -> list[Fault]:
    """What is wrong with the fields of a source, each by itself."""
    source = SOURCES[data["type"]]
    options = DATABASES[data["type"]].options
    known = {"options": options.__struct_encode_fields__, "ssh_tunnel": SshTunnel.__struct_encode_fields__}
    given = {name: value for name, value in data.items() if value is not None or name == "options"}
    others = {name: value for name, value in given.items() if name in SourceFields.__struct_encode_fields__}
    return [*faults(given, source, known), *faults(others, SourceFields, known)]


def _faults_of_any_type(data: dict[str, Any]) -> list[Fault]:
    """What is wrong with the fields that sources of all types have, where the type is not known."""
    known = {"ssh_tunnel": SshTunnel.__struct_encode_fields__}
    given = {name: value for name, value in data.items() if value is not None}
    others = {name: value for name, value in given.items() if name in SourceFields.__struct_encode_fields__}
    source = given | {"type": Source.__struct_config__.tag, "options": {}}
    return [*faults(source, Source, known), *faults(others, SourceFields, known)]


def _schedules_at_fault(fields: SourceFields) -> list[Fault]:
    """A schedule that never comes true would be a wish that is silently not met."""
    found: list[Fault] = []
    for name in ("schema_indexing_schedule", "lineage_schedule"):
        cron = getattr(fields, name)
        try:
            if cron is not None and cron.strip():
                refuse_cron(cron)
        except ValueError as error:
            found += Invalid(["body", name], str(error)).errors
    return found


def _certificates_at_fault(source: Source, references: dict[str, str], stored: Mapping[str, Any]) -> list[Fault]:
    """What is no certificate or key would fail every test; of a reference, only a worker knows what it means."""
    found: list[Fault] = []
    for name, sentence in misfits_in(source.options):
        if f"options.{name}" not in references and getattr(source.options, name) != stored.get(name):
            found += Invalid(["body", "options", name], sentence).errors
    return found


def _take_references(data: dict[str, Any]) -> dict[str, str]:
    """References to secrets, by their place; of every other secret, what its text means."""
    references: dict[str, str] = {}
    for group, kind in (("options", DATABASES[data["type"]].options), ("ssh_tunnel", SshTunnel)):
        if isinstance(given := data.get(group), dict):
            texts = {name: given[name] for name in kind.secret_fields if isinstance(given.get(name), str)}
            references |= {f"{group}.{name}": text for name, text in texts.items() if is_reference(text)}
            data[group] = given | {name: unescaped(text) for name, text in texts.items()}
    return references


def stored_secrets(row: DataSource, vault: Vault) -> dict[str, dict[str, str]]:
    """What a client would send as the secrets of a source: references as they are, everything else as itself."""
    found = {g: {n: escaped(s) for n, s in secrets.items()} for g, secrets in vault.open(row.secret).items()}
    for place, reference in (row.fields.get(FIELD) or {}).items():
        group, _, name = place.partition(".")
        found[group] = {**found.get(group, {}), name: reference}
    return found


def stored_options(row: DataSource, vault: Vault) -> dict[str, Any]:
    """The options of a source as they are stored, secrets included."""
    secrets: dict[str, str] = vault.open(row.secret).get("options", {})
    return row.options | secrets


def refuse_secrets(extras: Any, loc: list[str | int]) -> None:
    """What is kept as it was given is kept in clear, and answered."""
    for name, value in _items(extras):
        if isinstance(name, str) and any(word in name.lower() for word in SECRET_WORDS):
            raise Invalid([*loc, name], "Put secrets in options or ssh_tunnel")
        refuse_secrets(value, [*loc, name])


def _type_at_fault(data: dict[str, Any]) -> list[Fault]:
    """What is wrong with the type, which is under its own word afterwards."""
    if "type" not in data:
        return Invalid(["body", "type"], REQUIRED, "missing").errors
    given = data["type"]
    data["type"] = ALIASES.get(given, given) if isinstance(given, str) else None
    return [] if data["type"] in DATABASES else unknown_type(given, DATABASES).errors


def unknown_type(given: object, words: Iterable[str]) -> Invalid:
    """422 for a type that is none of ours; `words` are the types in the words of the dialect that the client speaks."""
    meant = did_you_mean(given, {*words, *ALIASES}) if isinstance(given, str) else ""
    return Invalid(["body", "type"], f"Unknown type{meant}; use one of {', '.join(sorted(words))}")


def is_mask(value: str) -> bool:
    """Whether it is what stands for a secret where none is shown."""
    return value in MASKS or (len(set(value)) == 1 and value[0] in MASK_CHARACTERS)


def _masks(data: dict[str, Any]) -> list[Fault]:
    """A mask written back is no secret (security row 9)."""
    found: list[Fault] = []
    for group, kind in (("options", DATABASES[data["type"]].options), ("ssh_tunnel", SshTunnel)):
        for name, value in (data.get(group) or {}).items() if isinstance(data.get(group), dict) else ():
            if isinstance(value, str) and name in kind.secret_fields and is_mask(value):
                sentence = "This is a mask, not a secret; leave the field out to keep it"
                found += Invalid(["body", group, name], sentence).errors
    return found


def answered(row: DataSource) -> SourceAnswer:
    """A source as the published API answers it: secrets as null."""
    secret_names = DATABASES[row.type].options.secret_fields
    fields = {name: value for name, value in row.fields.items() if name not in ("connection_timeout", "query_timeout")}
    return SourceAnswer(
        fields
        | {
            "id": row.id,
            "name": row.name,
            "type": row.type,
            "options": row.options | dict.fromkeys(secret_names),
            "ssh_tunnel": row.ssh_tunnel,
            "temp_schema": row.temp_schema,
            "last_test": row.last_test,
            "connection_timeout": row.fields.get("connection_timeout"),
            "query_timeout": row.fields.get("query_timeout"),
        }
    )
