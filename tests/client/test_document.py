"""The client sends what the service's OpenAPI document describes, and expects no field that it does not have."""

import inspect
import re
from collections.abc import Mapping
from typing import Any, get_args, get_origin

import msgspec
import pytest
from sourcecheck import AsyncClient, Client, calls
from sourcecheck.calls import Call

from api.app import create_app

IDS = {"source_id": 7, "job_id": 7, "key_id": 7, "alert_id": 7, "user_id": 7}
OTHERS: dict[str, Any] = {
    "fields": {},
    "secrets": {},
    "schedule": {"interval_seconds": 60},
    "host": "gateway.example",
    "host_key": "SHA256:x",
    "name": "for a test",
    "sources": [],
    "words": "orders",
    "kind": "webhook",
    "url": "https://hooks.example.org",
    "paused": True,
    "role": "admin",
}
CALLS = {
    name: function
    for name, function in inspect.getmembers(calls, inspect.isfunction)
    if function.__module__ == calls.__name__ and not name.startswith("_") and name != "read_answer"
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """What the service publishes of itself."""
    found: dict[str, Any] = create_app().openapi_schema.to_schema()
    return found


def made(name: str) -> Call[Any]:
    """The call with a value for each parameter that needs one."""
    given = IDS | OTHERS
    wanted = inspect.signature(CALLS[name]).parameters.values()
    call: Call[Any] = CALLS[name](**{p.name: given[p.name] for p in wanted if p.default is p.empty})
    return call


def operation(document: Mapping[str, Any], call: Call[Any]) -> dict[str, Any]:
    """The operation that the document has for this call."""
    for path, item in document["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]+\}", r"\\d+", path.rstrip("/")), call.path) and call.method.lower() in item:
            found: dict[str, Any] = item[call.method.lower()]
            return found
    raise AssertionError(f"the document has no {call.method} {call.path}")


@pytest.mark.parametrize("name", CALLS)
def test_the_document_has_the_operation(document: dict[str, Any], name: str) -> None:
    """Method and path are those of an operation, and so is every query parameter."""
    call = made(name)
    described = {p["name"] for p in operation(document, call).get("parameters", []) if p["in"] == "query"}
    assert set(call.params) <= described


@pytest.mark.parametrize("name", CALLS)
def test_the_answer_has_every_field(document: dict[str, Any], name: str) -> None:
    """A struct of the client has no field that the document's schema lacks; fields without a default are required."""
    call = made(name)
    if call.kind is None:
        return
    answers = operation(document, call)["responses"]
    content = next(answers[status]["content"] for status in answers if status.startswith("2"))
    schema = content["application/json"]["schema"]
    if call.enveloped:
        schema = resolved(document, schema)["properties"]["data"]
    compare(document, call.kind, schema)


def resolved(document: Mapping[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind references and beside null."""
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        elif "allOf" in schema:
            (schema,) = schema["allOf"]
        elif "oneOf" in schema or "anyOf" in schema:
            forms = [form for form in schema.get("oneOf", schema.get("anyOf", [])) if form.get("type") != "null"]
            if len(forms) != 1:
                return {"properties": {k: v for f in forms for k, v in resolved(document, f)["properties"].items()}}
            schema = forms[0]
        else:
            return schema


def compare(document: Mapping[str, Any], kind: Any, schema: dict[str, Any]) -> None:
    """Each field of the struct, and of those inside it, is one of the schema."""
    if get_origin(kind) is list:
        compare(document, get_args(kind)[0], resolved(document, schema)["items"])
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        found = resolved(document, schema)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        assert fields.keys() - found["properties"].keys() == set(), kind.__name__
        needed = {name for name, field in fields.items() if field.required}
        assert needed <= set(found.get("required", needed)), kind.__name__


def test_both_clients_have_the_same_methods() -> None:
    """What one can, the other can, with the same parameters."""
    sync, asynchronous = (
        {name: list(inspect.signature(f).parameters) for name, f in inspect.getmembers(kind, inspect.isfunction)}
        for kind in (Client, AsyncClient)
    )
    own = {"__enter__", "__exit__", "__aenter__", "__aexit__"}
    assert {n: p for n, p in sync.items() if n not in own} == {n: p for n, p in asynchronous.items() if n not in own}
