"""Which sources a list shows, and in which order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.pages.arrange import PAGE_SIZE, Wanted, arrange, found, tags_of
from api.pages.board import Entry
from api.pages.views.sources import wanted_by
from datasources.catalogue.health.overview import Line, OpenTest
from datasources.health.glance import Glance
from datasources.health.uptime import Record
from datasources.model.vocabulary import JobStatus

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def entry(
    name: str, glance: Glance = "up", *, minutes: int = 5, ms: float = 10.0, asks: bool = False, **more: Any
) -> Entry:
    """A source whose state is so many minutes old."""
    at = NOW - timedelta(minutes=minutes)
    line = Line(
        id=len(name),
        name=name,
        type=more.get("type", "pg"),
        status="active",
        status_since=at,
        failure_reason=None,
        last_tested_at=at,
        plan=None,
        revision=1,
        tags=more.get("tags", []),
        paused=False,
        draft=False,
        last=Record(checked_at=at, passed=True, response_time_ms=ms),
    )
    test = OpenTest(line.id, 1, True, "test") if asks else None
    return Entry(line, glance, test, JobStatus.needs_confirmation if asks else None)


ENTRIES = [
    entry("a"),
    entry("bb", "down", minutes=60, tags=["eu", "prod"]),
    entry("ccc", "unknown", ms=99, tags=["eu"]),
    entry("dddd", "down", minutes=2, type="mysql"),
    entry("Eeeee", asks=True),
]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(), ["Eeeee", "dddd", "bb", "ccc", "a"]),
        (Wanted(sort="name"), ["a", "bb", "ccc", "dddd", "Eeeee"]),
        (Wanted(sort="slowest"), ["ccc", "a", "bb", "dddd", "Eeeee"]),
        (Wanted(sort="oldest"), ["bb", "a", "ccc", "Eeeee", "dddd"]),
        (Wanted(sort="type"), ["dddd", "a", "bb", "ccc", "Eeeee"]),
        (Wanted(q=" E"), ["Eeeee"]),
        (Wanted(state="down"), ["dddd", "bb"]),
        (Wanted(tag="eu"), ["bb", "ccc"]),
        (Wanted(type="mysql", state="up"), []),
    ],
)
def test_order_and_filters(wanted: Wanted, names: list[str]) -> None:
    """A test that asks comes first, then what went down last."""
    assert [each.line.name for each in found(ENTRIES, wanted)] == names


def test_groups_by_tag() -> None:
    """A source stands under each of its tags, and one without any under none."""
    groups = arrange(ENTRIES, Wanted(group="tag", sort="name")).groups
    assert [(group.name, [each.line.name for each in group.entries]) for group in groups] == [
        ("eu", ["bb", "ccc"]),
        ("prod", ["bb"]),
        ("", ["a", "dddd", "Eeeee"]),
    ]
    assert tags_of(ENTRIES) == ["eu", "prod"]


def test_pages() -> None:
    """A page that there is not is the last one."""
    many = [entry(f"source {number:03}") for number in range(2 * PAGE_SIZE + 1)]
    last = arrange(many, Wanted(page=99, sort="name"))
    assert (last.page, last.pages, last.first, last.last, last.total) == (3, 3, 101, 101, 101)
    assert arrange([], Wanted()).pages == 1


def test_addresses() -> None:
    """Only what differs from the usual is in them; they are read back as they were written."""
    wanted = Wanted(q="a b&c", state="down", page=3)
    assert wanted.address(page=4) == "/?q=a+b%26c&state=down&page=4"
    assert wanted.address(sort="name") == "/?q=a+b%26c&state=down&sort=name"
    assert Wanted().address() == "/"
    assert wanted_by({"q": "a b&c", "state": "down", "page": "3"}) == wanted
    assert wanted_by({"state": "x", "sort": "x", "page": "-1", "type": "x", "group": "x"}) == Wanted()
