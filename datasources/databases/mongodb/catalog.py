"""What a database's collections say of themselves: fields by validator or sample, and what views are made from."""

from collections.abc import Iterator
from typing import Any

from datasources.databases.base import Column, Lineage, LineageEdge, TableName

Info = dict[str, Any]
"""A collection as `listCollections` answers it."""
KINDS = {"view": "view", "timeseries": "time series"}
"""Types of collection that are no plain one."""
PYTHON_TYPES = {
    "bool": "bool", "int": "int", "Int64": "long", "float": "double", "str": "string", "dict": "object",
    "list": "array", "datetime": "date", "DatetimeMS": "date", "ObjectId": "objectId", "Decimal128": "decimal",
    "bytes": "binData", "Binary": "binData", "UUID": "binData", "Timestamp": "timestamp", "Regex": "regex",
    "Code": "javascript", "NoneType": "null", "MinKey": "minKey", "MaxKey": "maxKey", "DBRef": "object",
}  # fmt: skip
"""MongoDB's words for types, by the classes that the driver makes of them."""
ANY = "any"


def is_ours(info: Info) -> bool:
    """Whether it holds data, and is none of the server's own."""
    return not str(info["name"]).startswith("system.")


def schema_of(info: Info) -> dict[str, Any] | None:
    """The collection's validator as a JSON schema; None where it has none with fields."""
    validator = info.get("options", {}).get("validator", {})
    schema = validator.get("$jsonSchema") if isinstance(validator, dict) else None
    return schema if isinstance(schema, dict) and isinstance(schema.get("properties"), dict) else None


def declared_columns(schema: dict[str, Any]) -> list[Column]:
    """The fields that a validator names."""
    required = set(schema.get("required", ()))
    return [_declared(str(name), said, name in required) for name, said in schema["properties"].items()]


def _declared(name: str, said: Any, required: bool) -> Column:
    said = said if isinstance(said, dict) else {}
    given = said.get("bsonType", said.get("type", ANY))
    types = [str(word) for word in given] if isinstance(given, list) else [str(given)]
    comment = said.get("description")
    return Column(
        name=name,
        type=" | ".join(word for word in types if word != "null") or "null",
        nullable=not required or "null" in types,
        comment=str(comment) if comment else None,
    )


def sampled_columns(documents: list[dict[str, Any]]) -> list[Column]:
    """The fields of these documents, in the order in which they appear."""
    types: dict[str, set[str]] = {}
    present: dict[str, int] = {}
    for document in documents:
        for name, value in document.items():
            types.setdefault(name, set()).add(PYTHON_TYPES.get(type(value).__name__, ANY))
            present[name] = present.get(name, 0) + 1
    return [
        Column(
            name=name,
            type=" | ".join(sorted(found - {"null"})) or "null",
            nullable=present[name] < len(documents) or "null" in found,
        )
        for name, found in types.items()
    ]


def definition_of(info: Info) -> str | None:
    """A view's pipeline and what it begins with, as MongoDB's extended JSON; None for what is no view."""
    from bson import json_util

    options = info.get("options", {})
    if info.get("type") != "view" or "viewOn" not in options:
        return None
    return str(json_util.dumps({name: options.get(name) for name in ("viewOn", "pipeline")}))


def read_lineage(database: str, infos: list[Info]) -> Lineage:
    """What each view reads, by its own pipeline: exact, because a pipeline names every collection that it reads.

    A view whose pipeline the user may not see counts as unread.
    """
    edges, unread = [], []
    for info in infos:
        if info.get("type") != "view":
            continue
        target, options = TableName(database, str(info["name"])), info.get("options", {})
        if not isinstance(options.get("viewOn"), str) or not isinstance(options.get("pipeline"), list):
            unread.append(target)
            continue
        read = dict.fromkeys([TableName(database, options["viewOn"]), *_read(database, options["pipeline"])])
        edges += [LineageEdge(source=source, target=target) for source in read]
    return Lineage(edges=edges, unread=unread)


def _read(database: str, pipeline: Any) -> Iterator[TableName]:
    """What the stages of a pipeline read beside what flows into it."""
    for stage in pipeline if isinstance(pipeline, list) else []:
        for word, said in stage.items() if isinstance(stage, dict) else []:
            if word in ("$lookup", "$graphLookup", "$unionWith"):
                said = said if isinstance(said, dict) else {"coll": said}  # noqa: PLW2901 -- `$unionWith: "name"`
                yield from _named(database, said.get("from", said if "coll" in said else None))
                yield from _read(database, said.get("pipeline"))
            elif word == "$facet" and isinstance(said, dict):
                for inner in said.values():
                    yield from _read(database, inner)


def _named(database: str, said: Any) -> Iterator[TableName]:
    """`name`, or `{db, coll}`; a stage that reads documents of its own names nothing."""
    if isinstance(said, str):
        yield TableName(database, said)
    elif isinstance(said, dict) and isinstance(said.get("coll"), str):
        yield TableName(str(said.get("db", database)), said["coll"])
