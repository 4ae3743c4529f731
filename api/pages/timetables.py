"""What happens by itself, arranged for pages: sources that are checked or downloaded at the same times."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from api.pages.board import Entry
from api.pages.times import span
from datasources.catalogue.tables import DataSource
from datasources.health.downloads import Asked, DownloadField, asked_by
from datasources.health.plan import Plan

CHECKS = "Checks"
DOWNLOADS: dict[DownloadField, str] = {
    "schema_indexing_schedule": "Schema downloads",
    "lineage_schedule": "Lineage downloads",
    "schema_auto_refresh": "Schema refreshes",
}
"""Kinds of download, as the pages call them."""


class Scheduled(Struct, frozen=True):
    """One source of a timetable."""

    entry: Entry
    active: bool
    due: datetime | None
    """When it is its turn next, as far as it can be told."""
    action: str
    """Below which address it is paused, resumed and removed."""
    edit: str
    """Where it is changed."""

    @property
    def name(self) -> str:
        """The source's."""
        return self.entry.line.name


class Timetable(Struct, frozen=True):
    """Sources of which the same is done at the same times."""

    kind: str
    words: str
    sources: list[Scheduled]


def timetables_of(entries: Iterable[Entry], downloads: Iterable[tuple[int, Asked]], now: datetime) -> list[Timetable]:
    """The timetables of checks, and behind them those of downloads; of each, the one with the most sources first."""
    by_id = {entry.line.id: entry for entry in entries}
    found: dict[tuple[str, str], list[Scheduled]] = {}
    for kind, words, source in (*_checks(by_id, now), *_downloads(by_id, downloads, now)):
        found.setdefault((kind, words), []).append(source)
    tables = [
        Timetable(kind, words, sorted(sources, key=lambda source: source.name.casefold()))
        for (kind, words), sources in found.items()
    ]
    return sorted(tables, key=lambda table: (table.kind != CHECKS, -len(table.sources), table.words, table.kind))


def downloads_of(source: DataSource) -> list[tuple[Asked, str]]:
    """The schedules of downloads of one source, each with its times in words."""
    return [(asked, words_of(asked.plan)) for asked in asked_by(source.fields, source.dialect)]


def words_of(plan: Plan) -> str:
    """Its times, as the pages say them."""
    if plan.interval_seconds is not None:
        return f"every {span(plan.interval_seconds)}"
    if plan.cron is not None:
        return f"at {plan.cron} ({plan.timezone or 'UTC'})"
    return "by a rule set in Prefect"


def _checks(entries: Mapping[int, Entry], now: datetime) -> Iterator[tuple[str, str, Scheduled]]:
    for entry in entries.values():
        line = entry.line
        if plan := Plan.read(line.plan):
            due = plan.next_after(line.last.checked_at if line.last else now)
            due = due if due is None or due > now else now
            place = f"/sources/{line.id}"
            yield (
                CHECKS,
                words_of(plan),
                Scheduled(entry, plan.active and not line.paused, due, f"{place}/schedule", f"{place}#schedule"),
            )


def _downloads(
    entries: Mapping[int, Entry], downloads: Iterable[tuple[int, Asked]], now: datetime
) -> Iterator[tuple[str, str, Scheduled]]:
    for source_id, asked in downloads:
        if entry := entries.get(source_id):
            due = asked.plan.next_after(now) if asked.plan.cron else None
            place = f"/sources/{source_id}"
            yield (
                DOWNLOADS[asked.field],
                words_of(asked.plan),
                Scheduled(
                    entry,
                    not (asked.paused or entry.line.paused),
                    due,
                    f"{place}/downloads/{asked.field}",
                    f"{place}#downloads",
                ),
            )
