"""What automations see of a change of state."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pytest

from api.prefect.events import event
from api.prefect.schema_events import schema_event
from datasources.catalogue.health.status_changes import UnsentChange
from datasources.catalogue.schemas.announced import UnsentSchemaChange
from datasources.model.errors import REMEDIATIONS
from datasources.model.vocabulary import SCHEMA_EVENTS, ErrorCode

CHANGE = UnsentChange(
    id=1,
    source_id=7,
    source_name="Shop",
    organization_id=1,
    organization_name="Ours",
    job_id=9,
    flow_run_id=None,
    changed_at=datetime(2026, 11, 26, tzinfo=UTC),
    was="active",
    became="failed",
    reason="no pg_hba.conf entry",
    error_code="AUTHENTICATION_FAILED",
    remediation="Add a line to pg_hba.conf.",
)


@dataclass
class Case:
    """What a change says, and what an alert advises."""

    error_code: str | None
    remediation: str | None
    expected: str | None


@pytest.mark.parametrize(
    "case",
    [
        Case("AUTHENTICATION_FAILED", "Add a line to pg_hba.conf.", "Add a line to pg_hba.conf."),
        Case("AUTHENTICATION_FAILED", None, REMEDIATIONS[ErrorCode.AUTHENTICATION_FAILED]),
        Case("AUTHENTICATION_FAILED", "one\x1b[2Jtwo", "one\ufffd[2Jtwo"),
        Case(None, None, None),
    ],
)
def test_an_alert_advises_what_the_check_did(case: Case) -> None:
    """The result's own advice, without control characters; the code's general one where there is none."""
    change = msgspec.structs.replace(CHANGE, error_code=case.error_code, remediation=case.remediation)
    assert event(change).payload["remediation"] == case.expected


@pytest.mark.parametrize(("change", "name"), sorted(SCHEMA_EVENTS.items()))
def test_a_change_of_a_schema_names_its_table(change: str, name: str) -> None:
    """An automation may match the source, the schema, the table and what happened; control characters are shown."""
    unsent = UnsentSchemaChange(
        id=1,
        source_id=7,
        source_name="Shop",
        organization_id=1,
        organization_name="Ours",
        job_id=9,
        version=2,
        changed_at=datetime(2026, 11, 26, tzinfo=UTC),
        change=change,
        schema="shop",
        table="or\x1bders",
        sentence="table shop.orders was removed",
    )
    made = schema_event(unsent)
    assert (made.event, made.id) == (name, unsent.event_id)
    assert made.resource["sourcecheck.table"] == "or\ufffdders"
    assert made.payload["sentence"] == unsent.sentence
