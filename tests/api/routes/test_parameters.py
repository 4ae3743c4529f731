"""What is wrong with a path and a query is told at once, each parameter by its name on the wire."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.routes.sources import SOURCES
from tests.fixtures.api import Client

HYPHEN = "/api/v1/data-sources"
WRONG: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    (
        SOURCES,
        {"limt": 1, "ofset": 2, "limit": "x", "offset": -1},
        {
            "limt": "Unknown parameter `limt` (did you mean limit?)",
            "ofset": "Unknown parameter `ofset` (did you mean offset?)",
            "limit": "Expected a whole number, got text",
            "offset": "Expected a whole number of at least 0",
        },
    ),
    (f"{SOURCES}/types", {"all": "perhaps"}, {"all": "Expected true or false, got text"}),
    (
        f"{SOURCES}/test/1e3",
        {"wait": 61},
        {"job_id": "Expected a whole number", "wait": "Expected a number of at most 60"},
    ),
    (
        HYPHEN,
        {"sort_oder": "asc", "sort_by": "nam", "page": 0, "type": "x" * 51},
        {
            "sort_oder": "Unknown parameter `sort_oder` (did you mean sort_order?)",
            "sort_by": "'nam' is not one of the values that are accepted here (did you mean name?): "
            "id, name, type, status, created_at, updated_at, last_tested_at",
            "page": "Expected a whole number of at least 1",
            "type": "Expected at most 50 characters",
        },
    ),
    (
        f"{HYPHEN}/1/table",
        {"tabel_name": "orders"},
        {
            "tabel_name": "Unknown parameter `tabel_name` (did you mean table_name?)",
            "schema_name": "This parameter is required",
            "table_name": "This parameter is required",
        },
    ),
    (f"{HYPHEN}/1/schema-changes", {"since": "yesterday"}, {"since": "Invalid RFC3339 encoded datetime"}),
]


@pytest.mark.parametrize(("path", "query", "said"), WRONG, ids=range(len(WRONG)))
async def test_every_parameter_at_fault(
    lone_api: Client, path: str, query: dict[str, Any], said: dict[str, str]
) -> None:
    """In the error of the dialect."""
    answer = await lone_api.get(f"{path}?{urlencode(query)}")
    assert answer.status_code == 422
    if path.startswith(HYPHEN):
        assert answer.json()["error_code"] == "VALIDATION_ERROR"
        found = answer.json()["message"].split("; ")
        assert sorted(found) == sorted(f"{name}: {sentence}" for name, sentence in said.items())
    else:
        assert {error["loc"][-1]: error["msg"] for error in answer.json()["detail"]} == said
        assert {error["loc"][0] for error in answer.json()["detail"]} <= {"path", "query"}


async def test_of_a_parameter_that_is_given_twice_the_last_one_counts(lone_api: Client) -> None:
    """The one that is looked at is the one that is used."""
    assert (await lone_api.get(f"{SOURCES}?limit=x&limit=1")).status_code == 200
    assert (await lone_api.get(f"{SOURCES}?limit=1&limit=x")).status_code == 422


async def test_every_field_of_the_other_dialect_at_fault(lone_api: Client) -> None:
    """Of the body itself, of the type's options and of what is shared, in one message."""
    bodies: list[tuple[dict[str, Any], set[str]]] = [
        ({"type": "postgress", "nme": "x", "port": "many"}, {"nme", "name", "type", "port"}),
        (
            {
                "name": " ",
                "type": "postgresql",
                "file_path": "/x",
                "ssh_username": "me",
                "credentials": {"warehouse": "W", "ssh_passphrase": "p"},
                "options": {"sslmode": "on"},
                "metadata": {"my_token": "x"},
            },
            {
                "name",
                "file_path",
                "ssh_username",
                "credentials.warehouse",
                "credentials.ssh_passphrase",
                "credentials.username",
                "options.sslmode",
                "metadata.my_token",
                "host",
                "port",
                "database_name",
            },
        ),
    ]
    for body, places in bodies:
        answer = await lone_api.post(HYPHEN, json=body)
        assert answer.status_code == 422
        said = [part.partition(": ") for part in answer.json()["message"].split("; ") if ": " in part]
        assert {place for place, _, _ in said} == places
        assert len(said) == len(places)
        assert "Unknown type (did you mean postgresql?)" in answer.json()["message"] or body["type"] == "postgresql"
