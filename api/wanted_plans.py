"""From the schedule that a client asks for to the plan that the service keeps."""

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
    try:
        refuse_cron(cron)
    except ValueError as error:
        raise Invalid(["body", "cron"], str(error)) from error
    try:
        in_prefect_words(0, Plan(cron=cron))  # Prefect has to understand it, too
    except ValueError as error:
        raise Invalid(["body", "cron"], "Prefect does not understand this cron expression") from error
