"""From the schedule that a client asks for to the plan that the service keeps."""

from functools import lru_cache
from zoneinfo import available_timezones

from api.prefect.timetables import in_prefect_words
from api.wire.errors import Invalid
from api.wire.requests import WantedSchedule
from datasources.health.cron import refuse_cron
from datasources.health.plan import Plan


def plan_from(wanted: WantedSchedule, *, paused: bool) -> Plan:
    """The schedule that is asked for; of a paused source it is paused. Raises `Invalid` naming the field."""
    if (wanted.interval_seconds is None) == (wanted.cron is None):
        raise Invalid(["body", "interval_seconds"], "Give either interval_seconds or cron")
    if wanted.cron is None and wanted.timezone is not None:
        raise Invalid(["body", "timezone"], "A time zone is only allowed with cron")
    if wanted.timezone is not None and wanted.timezone not in available_timezones():
        raise Invalid(["body", "timezone"], "Unknown time zone; use a name such as Europe/Berlin")
    if wanted.cron is not None:
        _refuse_cron(wanted.cron)
    return Plan(
        interval_seconds=wanted.interval_seconds,
        cron=wanted.cron,
        timezone=(wanted.timezone or "UTC") if wanted.cron else None,
        active=wanted.active and not paused,
    )


def _refuse_cron(cron: str) -> None:
    if wrong := _wrong_with(cron):
        raise Invalid(["body", "cron"], wrong)


@lru_cache(1024)
def _wrong_with(cron: str) -> str | None:
    """Looked at once: an expression takes milliseconds, and a file may have it thousands of times."""
    try:
        refuse_cron(cron)
    except ValueError as error:
        return str(error)
    try:
        in_prefect_words(0, Plan(cron=cron))  # Prefect has to understand it, too
    except ValueError:
        return "Prefect does not understand this cron expression"
    return None
