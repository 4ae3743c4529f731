"""Hostile input by the book: schemathesis over our own OpenAPI, as a user of another organization."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error

from tests.fix_service import Service

NOT_HERE = frozenset({"test_data_source_connection", "revoke_api_key"})
"""One waits for a worker each time, the other would revoke the key in use."""


@pytest.fixture(scope="module")
def stranger(service: Service) -> dict[str, str]:
    """Somebody whose sources nobody else needs."""
    organization = service.command("organization", "add", "Fuzz").split()[-1]
    user = service.command("user", "add", "fuzz", "--organization", organization).split()[-1]
    return {"Authorization": f"Key {service.command('key', 'add', user).split()[-1]}"}


def test_no_answer_breaks_its_promise(service: Service, stranger: dict[str, str]) -> None:
    """Every operation, with whatever its schema allows: no 5xx and no traceback."""
    document = schemathesis.openapi.from_url(f"{service.api}/docs/openapi.json")
    attacked = set()
    for found in document.get_all_operations():
        operation = found.ok()
        name = operation.definition.raw["operationId"]
        if name not in NOT_HERE:
            attack(operation, stranger)
            attacked.add(name)
    assert len(attacked) >= 15


def attack(operation: Any, headers: dict[str, str]) -> None:
    """A few dozen requests to one operation."""

    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def requests(case: Any) -> None:
        response = case.call(headers=headers, timeout=60)
        case.validate_response(response, checks=[not_a_server_error])
        assert "Traceback" not in response.text

    requests()
