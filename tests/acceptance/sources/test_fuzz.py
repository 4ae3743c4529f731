"""Hostile input by the book: schemathesis over our own OpenAPI, as a user of another organization."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.acceptance.kit import finished, register, unique
from tests.fixtures.acceptance import Organization
from tests.fixtures.servers.database import free_port
from tests.fixtures.service import Service

CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
TAKES_ITS_TIME = "test_data_source_connection"
"""It may answer 503, as documented, when no worker takes the test up within the limit that the fuzzer chose."""
LAST = ("revoke_api_key",)
"""It may revoke the key in use."""
EXAMPLES = 15
"""For each operation and each way of making them up; a test of a source costs a worker most of a second."""
DEAD = {"host": "127.0.0.1", "user": "nobody", "password": "nothing", "dbname": "nowhere"}


class Attacker:
    """A user of another organization, whose sources nobody else needs."""

    def __init__(self, service: Service) -> None:
        self.headers = {"Authorization": f"Key {Organization(service, 'Fuzz').key}"}
        self._client = httpx.Client(base_url=service.api, headers=self.headers, timeout=90)
        self._job = finished(self._client, self._source())["id"]

    def ids(self) -> dict[str, int]:
        """Ids that lead somewhere: a source of its own, and an ended job."""
        source = self._source()
        return {"source_id": source, "data_source_id": source, "job_id": self._job}

    def _source(self) -> int:
        return register(self._client, unique("Attacked"), DEAD | {"port": free_port()})


@pytest.fixture(scope="module")
def attacker(service: Service) -> Attacker:
    """Somebody whose sources nobody else needs."""
    return Attacker(service)


@pytest.fixture(scope="module")
def operations(service: Service) -> dict[str, Any]:
    """Every operation by its id."""
    document = schemathesis.openapi.from_url(f"{service.api}/docs/openapi.json")
    found = {o.ok().definition.raw["operationId"]: o.ok() for o in document.get_all_operations()}
    assert len(found) >= 20
    return found


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_answer_breaks_its_promise(operations: dict[str, Any], attacker: Attacker, mode: GenerationMode) -> None:
    """Whatever is asked for, allowed by the schema or not: no 5xx, no traceback, and only what is documented."""
    attacked = []
    for name in sorted(operations, key=lambda name: (name in LAST, name)):
        try:
            attack(name, operations[name], attacker, mode)
        except Unsatisfiable:  # nothing in it can be wrong
            assert mode is GenerationMode.NEGATIVE
        else:
            attacked.append(name)
    assert len(attacked) >= (10 if mode is GenerationMode.NEGATIVE else len(operations))


def attack(name: str, operation: Any, attacker: Attacker, mode: GenerationMode) -> None:
    """A few dozen requests to one operation, half of them to something that is there."""
    ids = attacker.ids()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
    def requests(case: Any, real: bool) -> None:
        if real and case.path_parameters:
            case.path_parameters = {n: ids.get(n, value) for n, value in case.path_parameters.items()}
        response = case.call(headers=attacker.headers, timeout=90)
        checks = CHECKS if name == TAKES_ITS_TIME else [not_a_server_error, *CHECKS]
        assert response.status_code != 500
        assert "Traceback" not in response.text
        case.validate_response(response, checks=checks)

    requests()
