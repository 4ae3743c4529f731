"""Schemas of sources: for each type what a client sends and what it reads, derived from the structs of the databases.

`NewDataSource` and `DataSource` are one of the types, told apart by `type`; `DataSourceChange` is any part of one.
"""

from typing import Any, cast

import msgspec
from litestar.openapi.spec import OpenAPI, Reference, Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition

from api.wire.requests import ANSWERED_ONLY, PUBLISHED_FIELDS, SourceFields, WantedSchedule, schema_of
from api.wire.schemas import SourceAnswer
from datasources.databases import DATABASES
from datasources.databases.base import Database
from datasources.model.results import StepResult
from datasources.model.source import SshTunnel

Plain = dict[str, Any]
PLACE = "#/components/schemas/"
STEP = "TestResultStep"
ANSWERED = {
    "id": {"type": "integer"},
    "last_test": {"anyOf": [{"$ref": f"{PLACE}LastTest"}, {"type": "null"}]},
    "connection_timeout": {"type": ["integer", "null"], "description": "Seconds to open one connection"},
    "query_timeout": {"type": ["integer", "null"], "description": "Seconds for one statement"},
}
REFERENCES = {
    "secret_references": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "Secrets that are references, by their place, such as `options.password`",
    }
}
"""Answered where there are any."""
ALWAYS_ANSWERED = ("id", "name", "type", "options", "ssh_tunnel", "temp_schema", *ANSWERED)
MEANINGS = {
    "temp_schema": "Where tests create and drop a table: `schema` or `database.schema`",
    "catalog_include_list": "Globs of the tables to look at, one a line: `schema.table`",
    "catalog_exclude_list": "Globs of the tables to leave out, one a line",
    "down_after": "Failed checks in a row after which an active source counts as failed",
    "up_after": "Passed checks in a row after which a failed source counts as active",
    "is_paused": "Its schedule does not run",
    "connection_timeout": "Seconds to open one connection",
    "query_timeout": "Seconds for one statement",
}
"""What a field of a source means, where its name alone does not say it."""


class SourceSchemas(OpenAPISchemaPlugin):
    """An answer that is a source refers to the schema of sources."""

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        """Whether it is a source."""
        return value is SourceAnswer

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:
        """The reference, in a schema: Litestar wants to know every bare one itself."""
        return Schema(all_of=[Reference(ref=f"{PLACE}DataSource")])


def add_source_schemas(document: OpenAPI) -> None:
    """Write the schemas of sources and of their steps into the document."""
    schemas = cast(dict[str, Any], document.components.schemas)
    if STEP in schemas:
        schemas |= _results()
        for step in (STEP, "CheckStep"):
            schemas[step].properties["result"] = {
                "title": "Result",
                "description": "Null until the step has ended",
                "anyOf": [{"$ref": f"{PLACE}StepResult"}, {"type": "null"}],
            }
    for kind in DATABASES.values():
        schemas |= _of_type(kind)
    schemas["SshTunnel"] = _tunnel()
    schemas["SshTunnelAnswer"] = _without_secrets(_tunnel(), SshTunnel.secret_fields, drop=True)
    schemas["NewDataSource"] = _one_of("New{}DataSource")
    schemas["DataSource"] = _one_of("{}DataSource")
    schemas["DataSourceChange"] = _change()
    schemas["DeclaredDataSource"] = _declared()


def _of_type(kind: type[Database]) -> Plain:
    """Four schemas: the options and the source, as they enter and as they leave."""
    name, options = _name(kind), _options(kind)
    answered = _without_secrets(options, kind.options.secret_fields)
    return {
        f"{name}Options": options,
        f"{name}OptionsAnswer": answered,
        f"New{name}DataSource": _object(
            {"name": _NAME, "type": _type(list(kind.words())), "options": {"$ref": f"{PLACE}{name}Options"}}
            | _fields(),
            required=["name", "type", "options"],
        )
        | {"title": f"{kind.title}, to be registered"},
        f"{name}DataSource": {
            "type": "object",
            "title": kind.title,
            "properties": {
                "name": {"type": "string"},
                "type": _type([kind.word()]),
                "options": {"$ref": f"{PLACE}{name}OptionsAnswer"},
            }
            | _answered_fields(),
            "required": list(dict.fromkeys(ALWAYS_ANSWERED)),
        },
    }


_NAME: Plain = {"type": "string", "minLength": 1, "maxLength": 255}


def _name(kind: type[Database]) -> str:
    return "".join(part.capitalize() for part in kind.word().split("_"))


def _type(words: list[str]) -> Plain:
    return {"type": "string", "enum": words}


def _object(properties: Plain, required: list[str]) -> Plain:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _one_of(template: str) -> Plain:
    names = {kind: template.format(_name(kind)) for kind in DATABASES.values()}
    words = {word: f"{PLACE}{name}" for kind, name in names.items() for word in kind.words()}
    return {
        "oneOf": [{"$ref": f"{PLACE}{name}"} for name in names.values()],
        "discriminator": {"propertyName": "type", "mapping": words},
    }


def _change() -> Plain:
    """Some fields of a source of any type; its type is known already, and cannot be changed."""
    parts = [
        {name: value for name, value in _options(kind).items() if name != "required"}
        | {"title": f"Options of {kind.title}"}
        for kind in DATABASES.values()
    ]
    words = sorted(word for kind in DATABASES.values() for word in kind.words())
    options = {"anyOf": [*parts, {"type": "null"}]}
    return _object({"name": _NAME, "type": _type(words), "options": options} | _fields(), required=[])


def _declared() -> Plain:
    """A source as a file declares it: as it enters, with its schedule."""
    parts = [
        _object(declared_fields(kind) | {"type": _type(list(kind.words()))}, required=["name", "type", "options"])
        | {"title": f"{kind.title}, declared"}
        for kind in DATABASES.values()
    ]
    return {"oneOf": parts}


def declared_fields(kind: type[Database]) -> Plain:
    """What a file may say about a source of this type, but for `type` itself."""
    schedule = {"anyOf": [schema_of(WantedSchedule), {"type": "null"}]}
    return {"name": _NAME, "options": _options(kind), "schedule": schedule} | _fields()


def _fields() -> Plain:
    """What sources of every type have, as it enters: a null is the same as nothing."""
    found: Plain = {
        "temp_schema": {"anyOf": [{"type": "string", "maxLength": 300}, {"type": "null"}]},
        "ssh_tunnel": {"anyOf": [{"$ref": f"{PLACE}SshTunnel"}, {"type": "null"}]},
    }
    found |= {name: _or_null(schema) for name, schema in schema_of(SourceFields)["properties"].items()}
    for name, meaning in MEANINGS.items():
        found[name] |= {"description": meaning}
    found |= {name: {"description": "A field of Datafold's, kept and returned"} for name in PUBLISHED_FIELDS}
    return found | {
        name: {"readOnly": True, "description": "Set by the service; ignored in a request"} for name in ANSWERED_ONLY
    }


def _answered_fields() -> Plain:
    """The same, as it leaves."""
    found = {name: schema for name, schema in _fields().items() if name not in ANSWERED_ONLY}
    return (
        found
        | {"ssh_tunnel": {"anyOf": [{"$ref": f"{PLACE}SshTunnelAnswer"}, {"type": "null"}]}}
        | ANSWERED
        | REFERENCES
    )


def _or_null(schema: Plain) -> Plain:
    forms = schema.get("anyOf", [schema])
    return {"anyOf": forms if {"type": "null"} in forms else [*forms, {"type": "null"}]}


def _options(kind: type[Database]) -> Plain:
    """The options of a type as they enter; secrets are marked as such, and older names of fields are there."""
    schema = schema_of(kind.options)
    properties = {
        name: field | ({"writeOnly": True} if name in kind.options.secret_fields else {})
        for name, field in schema["properties"].items()
    }
    for old, new in kind.options.also_called.items():
        properties[old] = properties[new] | {"deprecated": True, "description": f"An older name of `{new}`"}
    required = [name for name in schema.get("required", []) if name not in kind.options.also_called.values()]
    return _object(properties, required)


def _tunnel() -> Plain:
    return schema_of(SshTunnel)


def _without_secrets(schema: Plain, secrets: tuple[str, ...], *, drop: bool = False) -> Plain:
    """The same object as it leaves: what is secret is null, or is not there."""
    null = {"type": "null", "description": "A secret: never returned"}
    hidden: Plain = {} if drop else {name: null for name in secrets if name in schema["properties"]}
    shown = {
        name: {key: value for key, value in field.items() if key != "default"}
        for name, field in schema["properties"].items()
        if name not in secrets and not field.get("deprecated")
    }
    return {"type": "object", "properties": shown | hidden}


def _results() -> Plain:
    """What a step found, with what it is made of, and the newest test of a source."""
    found: Plain = msgspec.json.schema(StepResult, ref_template=f"{PLACE}{{name}}")["$defs"]
    last = {
        "type": "object",
        "title": "The newest ended test",
        "properties": {
            "tested_at": {"type": "string", "format": "date-time"},
            "results": {"type": "array", "items": {"$ref": f"{PLACE}{STEP}"}},
        },
        "required": ["tested_at", "results"],
    }
    return found | {"LastTest": last}
