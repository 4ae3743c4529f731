"""The form of a source, from the schema that `/types` publishes, and back to the body that the API takes."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
import yaml
from msgspec import Struct
from sourcecheck.files.exported import Placeholder
from sourcecheck.importing.dbt import from_mapping

from api.pages.forms import Form, number, text, trimmed
from datasources.catalogue.health.overview import DRAFT
from datasources.catalogue.tables import DataSource
from datasources.databases import DATABASES
from datasources.databases.base import Database
from datasources.databases.forms import configuration_schema
from datasources.databases.urls import source_from_url
from datasources.model.source import NetworkOptions, SshTunnel

MOST_PASTED = 16_384
"""Characters of a pasted profile: the process reads no request while it reads one."""
MOST_ALIASES, DEEPEST = 8, 20
"""YAML aliases in it, and how deep it may be nested."""
Kind = Literal["text", "number", "password", "area", "tick", "choice"]
Group = Literal["first", "login", "encryption", "more"]
GROUPS: dict[Group, str] = {
    "login": "Other ways to log in",
    "encryption": "Encryption",
    "more": "Other options",
}
"""Groups of options below those that most sources need, as the page calls them."""
USUAL = ("user", "username", "dbname", "database", "default_db", "warehouse", "http_path", "token")
"""Options that stand at the top although a source can do without."""
ENCRYPTION = ("tls", "ssl", "rootcert", "cert", "customcert", "allow_cleartext", "require_encryption", "trust_server")
LOGIN = ("auth", "oauth", "azure", "aws_access", "m2m", "key", "role", "sslcert", "sslkey", "ewallet")
"""How names of options begin that belong into a group."""
Values = Mapping[str, Any]
TUNNEL: tuple[tuple[str, str, Kind], ...] = (
    ("host", "Gateway's host", "text"),
    ("port", "Port", "number"),
    ("username", "User", "text"),
    ("password", "Password", "password"),
    ("private_key", "Private key (PEM)", "area"),
    ("passphrase", "Passphrase of the private key", "password"),
    ("host_key", "Gateway's public key or fingerprint (optional)", "area"),
)
TUNNEL_DEFAULTS = {"port": 22}
SAVED = "page"
"""What `created_from` says of a source that was saved on a page."""


class Field(Struct, frozen=True, kw_only=True):
    """One field of a form."""

    name: str
    """Its way from the body: `options.host`."""
    title: str
    kind: Kind
    required: bool = False
    secret: bool = False
    kept: bool = False
    """Whether a secret is stored, which an empty field leaves as it is."""
    choices: list[tuple[str, str]] = []
    value: Any = None
    default: Any = None
    """What the source has when the field is left empty. A text stands there as a hint only: it is typed by no one."""

    group: Group = "more"
    """Where in the form it stands."""


def fields_of(kind: type[Database], values: Values, kept: Iterable[str] = ()) -> list[Field]:
    """The options of this type; `values` by the field's whole name, `kept` the names of stored secrets."""
    schema = configuration_schema(kind)
    return [
        _field(name, entry, kind, name in schema["required"], values, set(kept))
        for name, entry in schema["properties"].items()
    ]


def _group_of(name: str, kind: type[Database], required: bool) -> Group:
    """By what the type says of the option, and else by how it is called: a new type is sorted without a word."""
    host = any(field.name == "host" and field.required for field in msgspec.structs.fields(kind.options))
    if required or (name == "port" and host) or name in USUAL or name in kind.options.asked_fields:
        return "first"
    if name in kind.options.secret_fields or name.startswith(LOGIN):
        return "login"
    return "encryption" if name.startswith(ENCRYPTION) else "more"


def titles_of(type_name: str) -> dict[str, str]:
    """What the options of a type are called on pages, by their names; empty for a type that is not offered."""
    kind = DATABASES.get(type_name)
    if kind is None:
        return {}
    return {name: entry["title"] for name, entry in configuration_schema(kind)["properties"].items()}


def tunnel_fields(kind: type[Database], values: Values, kept: Iterable[str] = ()) -> list[Field]:
    """The gateway's fields; none where there can be no tunnel."""
    if not issubclass(kind.options, NetworkOptions):
        return []
    return [
        Field(
            name=f"ssh_tunnel.{name}",
            title=title,
            kind=form,
            secret=name in SshTunnel.secret_fields,
            kept=name in set(kept),
            value=values.get(f"ssh_tunnel.{name}", TUNNEL_DEFAULTS.get(name)),
            default=TUNNEL_DEFAULTS.get(name),
        )
        for name, title, form in TUNNEL
    ]


def _field(
    name: str, entry: dict[str, Any], kind: type[Database], required: bool, values: Values, kept: set[str]
) -> Field:
    whole = f"options.{name}"
    choices = [(str(choice), str(choice)) for choice in entry.get("enum", ())]
    if choices and not required and entry.get("default") is None:
        choices = [("", "default"), *choices]
    form, default = _kind(entry, choices), entry.get("default")
    return Field(
        name=whole,
        title=entry["title"],
        kind=form,
        required=required,
        secret=name in kind.options.secret_fields,
        kept=name in kept,
        choices=choices,
        value=values.get(whole, None if form == "text" else default),
        default=default,
        group=_group_of(name, kind, required),
    )


def _kind(entry: dict[str, Any], choices: list[tuple[str, str]]) -> Kind:
    if choices:
        return "choice"
    if entry["type"] == "boolean":
        return "tick"
    if entry["type"] in ("integer", "number"):
        return "number"
    forms: dict[str, Kind] = {"password": "password", "textarea": "area"}
    return forms.get(entry.get("format", ""), "text")


def values_of(row: DataSource) -> dict[str, Any]:
    """What the form of a stored source begins with; secrets are not among it."""
    found: dict[str, Any] = {"name": row.name, "temp_schema": row.temp_schema}
    found |= {f"options.{name}": value for name, value in row.options.items()}
    found |= {f"ssh_tunnel.{name}": value for name, value in (row.ssh_tunnel or {}).items()}
    for name in ("description", "catalog_include_list", "catalog_exclude_list", "down_after", "up_after", "is_paused"):
        found[name] = row.fields.get(name)
    return found | {"tags": ", ".join(row.fields.get("tags") or [])}


def values_from_url(url: str) -> tuple[str, dict[str, Any]]:
    """The type of a pasted connection string, and what its form begins with. Raises `ValueError`."""
    source = source_from_url(url)
    kind = str(source.__struct_config__.tag)
    options = msgspec.structs.asdict(source.options)
    defaults = {field.name: field.default for field in msgspec.structs.fields(source.options)}
    found = {f"options.{n}": v for n, v in options.items() if v is not None and v != defaults[n]}
    name = str(options.get(DATABASES[kind].options.shown_as.get("database_name", ""), "") or "")
    return kind, found | {"name": name, "temp_schema": source.temp_schema}


def values_from_dbt(pasted: str) -> tuple[str, dict[str, Any]]:
    """The same of dbt's `profiles.yml`, of one profile or of one target: the first target that can be a source.

    Values that dbt takes from the environment or from files stay empty. Raises `ValueError`.
    """
    given = _yaml(pasted)
    if not isinstance(given, dict):
        raise ValueError("this is neither a connection string nor a dbt profile")
    if "outputs" in given:
        given = {"dbt": given}
    elif isinstance(given.get("type"), str):
        given = {"dbt": {"outputs": {"target": given}}}
    found = from_mapping(given)
    if not found.sources:
        raise ValueError(found.refused[0].reason if found.refused else "the profile has no targets")
    source = found.sources[0]
    options = {name: value for name, value in source["options"].items() if not isinstance(value, Placeholder)}
    values = {f"options.{name}": value for name, value in options.items()}
    schema = source.get("temp_schema")
    return str(source["type"]), values | {
        "name": source["name"],
        "temp_schema": None if isinstance(schema, Placeholder) else schema,
    }


def _yaml(pasted: str) -> Any:
    """A short YAML text. Raises `ValueError`: a few lines of aliases of aliases would fill the memory."""
    if len(pasted) > MOST_PASTED:
        raise ValueError(f"this is too long: a profile has at most {MOST_PASTED} characters")
    try:
        is_simple = _is_simple(pasted)
        given = yaml.safe_load(pasted) if is_simple else None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError("this is neither a connection string nor YAML") from error
    if not is_simple:
        raise ValueError("this has too many YAML aliases (*name), or is nested too deeply; paste one target alone")
    return given


def _is_simple(pasted: str) -> bool:
    """Whether it stays small and shallow when it is read; looks no further than to what says no. Raises `YAMLError`."""
    aliases = depth = 0
    for event in yaml.parse(pasted, Loader=yaml.SafeLoader):
        aliases += isinstance(event, yaml.AliasEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if aliases > MOST_ALIASES or depth > DEEPEST:
            return False
    return True


def body_from(form: Form, kind: type[Database], row: DataSource | None = None, *, draft: bool = False) -> bytes:
    """The JSON body of the form: to register a source, perhaps as a draft, or to change the one of this row."""
    stored = values_of(row) if row else {}
    given: dict[str, Any] = {"name": str(form.get("name") or "").strip()}
    if row is None:
        given["type"] = kind.word()
        given["created_from"] = DRAFT if draft else SAVED
    given["options"] = _group(form, fields_of(kind, {}), stored)
    if tunnel := tunnel_fields(kind, {}):
        whole = _group(form, tunnel, stored)
        wanted = text(form, "ssh_tunnel.host") is not None
        if wanted or row is not None:
            given["ssh_tunnel"] = whole if wanted else None
    for name in ("temp_schema", "description", "catalog_include_list", "catalog_exclude_list"):
        value = text(form, name)
        if value is not None or stored.get(name) is not None:
            given[name] = value
    for name in ("down_after", "up_after"):
        if (count := number(form, name)) is not None:
            given[name] = count
    given["tags"] = [tag.strip() for tag in str(form.get("tags") or "").split(",") if tag.strip()]
    if row is not None:
        given["is_paused"] = bool(form.get("is_paused"))
    return msgspec.json.encode(given)


def _group(form: Form, fields: list[Field], stored: Values) -> dict[str, Any]:
    """The fields that are filled in; one that is emptied goes back to its default."""
    found: dict[str, Any] = {}
    for field in fields:
        name = field.name.partition(".")[2]
        if field.kind == "tick":
            found[name] = bool(form.get(field.name))
            continue
        value: Any = number(form, field.name) if field.kind == "number" else _raw(form, field)
        if field.kind == "choice" and isinstance(value, str) and value.isdigit():
            value = int(value)
        if value is None and not field.secret and stored.get(field.name) is not None:
            value = field.default
            found[name] = value
        before = stored.get(field.name)
        if isinstance(before, str) and value == trimmed(before):
            value = before  # the user left it as it was: a certificate with an empty last line, for example
        if value is not None:
            found[name] = value
    return found


def _raw(form: Form, field: Field) -> str | None:
    """Secrets as they were typed, blanks included."""
    return (str(form.get(field.name) or "") or None) if field.kind == "password" else text(form, field.name)
