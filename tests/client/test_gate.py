"""Which result counts for a gate: one that passed, is recent, and is about the source as it is now."""

from datetime import UTC, datetime, timedelta

import pytest
from sourcecheck import JobStatus, LastTest, Result, Source, Step
from sourcecheck.cli.commands.gating import variable
from sourcecheck.gate import fresh
from sourcecheck.models import SourceState

NOW = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
GOOD = Step("connection", JobStatus.done, Result("OK", "Connected to the database", "success"))
BAD = Step("temp_schema", JobStatus.done, Result("ERROR", "denied", "failed"))
LOST = Step("connection", JobStatus.cancelled, None)


@pytest.mark.parametrize(
    ("minutes", "steps", "changed", "reason", "counts"),
    [
        (5, [GOOD], 60, None, True),
        (10, [GOOD], 60, None, True),
        (11, [GOOD], 60, None, False),
        (5, [GOOD, BAD], 60, None, False),
        (5, [GOOD], 4, None, False),
        (5, [GOOD], 60, "the newest test failed", False),
        (5, [GOOD, LOST], 60, None, False),
        (5, [], 60, None, False),
    ],
)
def test_what_counts(minutes: int, steps: list[Step], changed: int, reason: str | None, counts: bool) -> None:
    """Everything else is tested again."""
    tested_at = NOW - timedelta(minutes=minutes)
    source = Source(1, "Shop", "pg", last_test=LastTest(tested_at, steps))
    state = SourceState(1, "active", NOW - timedelta(minutes=changed), failure_reason=reason)
    assert fresh(source, state, timedelta(minutes=10), NOW) == (tested_at if counts else None)


def test_a_source_that_was_never_tested() -> None:
    """Has no result."""
    assert fresh(Source(1, "Shop", "pg"), SourceState(1, "inactive", NOW), timedelta(days=1), NOW) is None


@pytest.mark.parametrize(
    ("name", "expected"), [("Warehouse", "HEALTHY_WAREHOUSE"), ("my shop (eu)", "HEALTHY_MY_SHOP_EU")]
)
def test_the_variable_of_a_hook(name: str, expected: str) -> None:
    """As the macro of docs/gate.md makes it."""
    assert variable(name) == expected
