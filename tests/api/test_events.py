"""What automations see of a change of state."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pytest

from api.prefect.events import event
from datasources.catalogue.health.status_changes import UnsentChange
from datasources.model.errors import REMEDIATIONS
from datasources.model.vocabulary import ErrorCode

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
