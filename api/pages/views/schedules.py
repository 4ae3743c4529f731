"""The schedules of all the organization's sources at a glance."""

from collections.abc import Iterable
from datetime import datetime

from litestar import Controller, get
from litestar.response import Template
from msgspec import Struct

from api.pages.board import Entry
from api.pages.rendering import ReaderDep
from api.pages.times import span
from datasources.health.plan import Plan


class Scheduled(Struct, frozen=True):
    """One source of a timetable."""

    entry: Entry
    active: bool
    due: datetime | None
    """The next check, as far as it can be told from the last one."""


class Timetable(Struct, frozen=True):
    """Sources that are checked at the same times."""

    words: str
    sources: list[Scheduled]


class SchedulePageController(Controller):
    """`/schedules`."""

    @get("/schedules")
    async def schedules(self, reader: ReaderDep) -> Template:
        """Each timetable with its sources, and those that have none."""
        board = await reader.board()
        return await reader.show(
            "schedules.html",
            here="schedules",
            timetables=timetables_of(board.entries, board.at),
            without=[entry for entry in board.entries if entry.line.plan is None and not entry.line.draft],
        )


def timetables_of(entries: Iterable[Entry], now: datetime) -> list[Timetable]:
    """The timetables, the one with the most sources first."""
    found: dict[str, list[Scheduled]] = {}
    for entry in entries:
        if plan := Plan.read(entry.line.plan):
            found.setdefault(words_of(plan), []).append(_scheduled(entry, plan, now))
    tables = [Timetable(words, sorted(sources, key=_name)) for words, sources in found.items()]
    return sorted(tables, key=lambda table: (-len(table.sources), table.words))


def words_of(plan: Plan) -> str:
    """Its times, as the pages say them."""
    if plan.interval_seconds is not None:
        return f"Every {span(plan.interval_seconds)}"
    if plan.cron is not None:
        return f"At {plan.cron} ({plan.timezone or 'UTC'})"
    return "By a rule set in Prefect"


def _scheduled(entry: Entry, plan: Plan, now: datetime) -> Scheduled:
    last = entry.line.last.checked_at if entry.line.last else None
    due = plan.next_after(last or now)
    return Scheduled(entry, plan.active and not entry.line.paused, due if due is None or due > now else now)


def _name(source: Scheduled) -> str:
    return source.entry.line.name.casefold()
