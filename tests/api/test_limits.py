"""How many schedules an organization may have, and how often they may ask (docs/security.md, row 17)."""

from datetime import UTC, datetime

import pytest

from api.limits import refuse_too_many, refuse_too_many_together
from api.wire.errors import Problem
from datasources.health.plan import Plan
from datasources.model.settings import Settings

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SETTINGS = Settings(max_schedules=3, scheduled_tests_per_minute=12, max_timetables=2)
HOURLY = Plan(interval_seconds=3600)
QUICK, MINUTELY = Plan(interval_seconds=10), Plan(interval_seconds=60)


@pytest.mark.parametrize(
    ("wanted", "others", "refused"),
    [
        (QUICK, [], False),
        (QUICK, [QUICK], False),
        (MINUTELY, [QUICK, QUICK], True),
        (QUICK, [MINUTELY, MINUTELY], False),
        (MINUTELY, [MINUTELY] * 3, True),
        (Plan(interval_seconds=10, active=False), [QUICK, QUICK], False),
        (QUICK, [Plan(interval_seconds=10, active=False)] * 2, False),
        (Plan(cron="* * * * *", timezone="UTC"), [QUICK, QUICK], True),
        (Plan(cron="0 4 * * *", timezone="UTC"), [QUICK], False),
        (HOURLY, [MINUTELY, Plan(interval_seconds=7200)], True),
        (MINUTELY, [MINUTELY, HOURLY], False),
        (Plan(interval_seconds=60, active=False), [MINUTELY, HOURLY], False),
    ],
)
def test_schedules_of_an_organization(wanted: Plan, others: list[Plan], refused: bool) -> None:
    """Counted together, by number, by rate and by distinct times; one that is paused asks for nothing."""
    if not refused:
        refuse_too_many(wanted, [(other, 1) for other in others], SETTINGS, NOW)
        return
    with pytest.raises(Problem) as caught:
        refuse_too_many(wanted, [(other, 1) for other in others], SETTINGS, NOW)
    assert caught.value.status == 409


@pytest.mark.parametrize(
    ("wanted", "others", "refused"),
    [
        ({MINUTELY: 3}, [], False),
        ({MINUTELY: 4}, [], True),
        ({MINUTELY: 2}, [(MINUTELY, 2)], True),
        ({QUICK: 1, HOURLY: 2}, [], False),
        ({QUICK: 1, MINUTELY: 1}, [(QUICK, 1)], True),
        ({QUICK: 2, MINUTELY: 1}, [], True),
        ({HOURLY: 1, MINUTELY: 1, QUICK: 1}, [], True),
        ({HOURLY: 1, MINUTELY: 1}, [(QUICK, 1)], True),
        ({HOURLY: 1, MINUTELY: 1}, [(HOURLY, 1)], False),
    ],
)
def test_schedules_that_come_together(wanted: dict[Plan, int], others: list[tuple[Plan, int]], refused: bool) -> None:
    """A file's schedules meet the same limits, among each other and beside those that are there."""
    if not refused:
        refuse_too_many_together(wanted, others, SETTINGS, NOW)
        return
    with pytest.raises(Problem):
        refuse_too_many_together(wanted, others, SETTINGS, NOW)


@pytest.mark.parametrize(
    ("plan", "rate"),
    [(QUICK, 6), (MINUTELY, 1), (Plan(cron="*/5 * * * *", timezone="UTC"), 0.2), (Plan(rrule="FREQ=DAILY"), 0)],
)
def test_rates(plan: Plan, rate: float) -> None:
    """Checks a minute."""
    assert plan.per_minute(NOW) == pytest.approx(rate)
