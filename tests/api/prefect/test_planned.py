"""Runs that Prefect's scheduler has planned under names of its own."""

from typing import Any
from uuid import uuid4

from prefect.client.schemas.objects import CreatedBy, FlowRun

from api.prefect.planned import names
from datasources.health.plan import Plan, slug_of

PLANS = {1: Plan(interval_seconds=300), 2: Plan(cron="0 6 * * *", timezone="Europe/Berlin")}


def planned(**fields: Any) -> FlowRun:
    """A run of the scheduler's."""
    return FlowRun(flow_id=uuid4(), **{"auto_scheduled": True, "name": "brave-otter"} | fields)


def test_each_has_the_name_of_its_timetable() -> None:
    """By its parameters, or by the schedule that made it where they are lost."""
    by_parameter = planned(parameters={"timetable_id": 1})
    made_by = CreatedBy(id=uuid4(), type="SCHEDULE", display_value=slug_of(2))
    by_schedule = planned(created_by=made_by)
    assert names([by_parameter, by_schedule], PLANS) == {
        by_parameter.id: "sweep every 300 s",
        by_schedule.id: "sweep at 0 6 * * * Europe/Berlin",
    }


def test_others_keep_theirs() -> None:
    """Those that have the name, that a person or a sweep has asked for, or whose timetable is gone."""
    runs = [
        planned(parameters={"timetable_id": 1}, name="sweep every 300 s"),
        planned(parameters={"timetable_id": 1}, auto_scheduled=False),
        planned(parameters={"sweep_id": 1}),
        planned(parameters={"timetable_id": 9}),
    ]
    assert names(runs, PLANS) == {}
