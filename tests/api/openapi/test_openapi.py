"""The OpenAPI document tells people what each operation is for, what to send, and everything that it answers."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.app import create_app
from api.openapi.config import TAGS
from api.openapi.examples import EXAMPLES
from datasources.databases import DATABASES

PHRASES = ("Request fulfilled", "Document created", "Bad Request")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """What the service publishes of itself."""
    found: dict[str, Any] = create_app().openapi_schema.to_schema()
    return found


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every operation by its id."""
    return {operation["operationId"]: operation for item in document["paths"].values() for operation in item.values()}


def test_names_tell_operations_apart(operations: dict[str, dict[str, Any]]) -> None:
    """Each has a summary of its own in words, and a sentence more; each is in one subject, and each subject has one."""
    summaries = [operation["summary"] for operation in operations.values()]
    assert sorted(summaries) == sorted(set(summaries))
    assert [name for name in summaries if " " not in name] == []
    assert [name for name, operation in operations.items() if len(operation.get("description", "")) < 15] == []
    assert [name for name, operation in operations.items() if len(operation["tags"]) != 1] == []
    assert {tag for operation in operations.values() for tag in operation["tags"]} == set(TAGS)


def test_every_operation_has_an_example(operations: dict[str, dict[str, Any]]) -> None:
    """And every example an operation; `test_examples.py` sends them."""
    assert set(operations) == set(EXAMPLES)
    for name, operation in operations.items():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert "example" in content, name


def test_every_example_keeps_its_schema(document: dict[str, Any], operations: dict[str, dict[str, Any]]) -> None:
    """Of requests, of answers and of errors."""
    for name, operation in operations.items():
        for place in [operation.get("requestBody", {}), *operation["responses"].values()]:
            for content in (place.get("content") or {}).values():
                if "example" in content:
                    validator = Draft202012Validator(content["schema"] | {"components": document["components"]})
                    assert list(validator.iter_errors(content["example"])) == [], name


def test_every_error_has_a_sentence_and_an_example(operations: dict[str, dict[str, Any]]) -> None:
    """No phrase of HTTP that says nothing; every operation with a key can answer 401, 403 and 503."""
    for name, operation in operations.items():
        for status, response in operation["responses"].items():
            assert not response["description"].startswith(PHRASES), name
            if int(status) >= 400 and name != "ready":
                assert "example" in response["content"]["application/json"], (name, status)
        if operation.get("security") != [{}]:
            assert {"401", "403", "422", "503"} <= set(operation["responses"]), name


def test_both_schemes_can_be_entered(document: dict[str, Any]) -> None:
    """`Key` as a header that is typed whole, `Bearer` as a token."""
    schemes = document["components"]["securitySchemes"]
    assert [schemes[name]["type"] for name in ("ApiKeyAuth", "BearerAuth")] == ["apiKey", "http"]
    assert document["security"] == [{"ApiKeyAuth": []}, {"BearerAuth": []}]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Also those that we write ourselves."""
    names = set(re.findall(r"'#/components/schemas/([^']+)'", str(document)))
    assert names - document["components"]["schemas"].keys() == set()


def test_no_answer_is_an_object_of_unknown_keys(document: dict[str, Any]) -> None:
    """Swagger UI would show `additionalProp1`; windows and steps of a source's health are named."""
    for path, item in document["paths"].items():
        for operation in item.values():
            for response in operation["responses"].values():
                for content in (response.get("content") or {}).values():
                    assert "additionalProperties" not in content["schema"], path
    health = document["components"]["schemas"]["Health"]["properties"]
    assert set(health["windows"]["properties"]) == {"24h", "7d", "30d", "90d"}
    assert "connection" in health["steps"]["properties"]


@pytest.mark.parametrize("word", DATABASES)
def test_every_field_of_a_type_is_there(document: dict[str, Any], word: str) -> None:
    """Of a type's options, as it is sent and as it is answered: a secret is written only, and answered as null."""
    schemas, kind = document["components"]["schemas"], DATABASES[word]

    def named(collection: str) -> dict[str, Any]:
        place = schemas[collection]["discriminator"]["mapping"][word]
        found: dict[str, Any] = schemas[place.rsplit("/", 1)[1]]
        assert {"$ref": place} in schemas[collection]["oneOf"]
        return found

    def options(source: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = schemas[source["properties"]["options"]["$ref"].rsplit("/", 1)[1]]["properties"]
        return found

    sent, answered = options(named("NewDataSource")), options(named("DataSource"))
    assert set(kind.options.__struct_fields__) <= set(sent)
    assert set(kind.options.__struct_fields__) == set(answered)
    for secret in kind.options.secret_fields:
        assert sent[secret]["writeOnly"]
        assert answered[secret]["type"] == "null"
