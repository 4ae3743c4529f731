"""How a sweep goes: when each source's turn is, who checks it, and what is to be done about one. Rules without IO.

A sweep is one round over all sources of a timetable. Its runs share the work by claims in the catalogue, so that it
does not matter how many of them there are, and which of them are lost.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct

from datasources.health.plan import Plan

GOLDEN = 0.6180339887498949
"""Multiples of it, without their whole part, are spread evenly however many there are."""
PER_SECOND = 20.0
"""Checks that a sweep begins in a second, as long as its interval is long enough for that."""
SPREAD = 0.9
"""The part of an interval over which a large sweep is spread; the rest is for those that take longer."""
RUN_PER_SECOND = 25.0
"""Checks a second from which on a sweep is shared between runs."""
MOST_RUNS = 16
"""Runs that share a sweep at most."""
LATENESS = timedelta(seconds=30)
"""A sweep that is no later than this goes ahead although a newer one is due: on a busy machine, a source that is
checked every few seconds would never be checked otherwise."""
HELP_AFTER = timedelta(seconds=5)
"""A run takes over checks of another run's share that are so late."""
FULL_EVERY = timedelta(hours=24)
"""All steps are run when they last passed longer ago than this, and until they pass."""
FIRST_TESTS = 20
"""New sources that are tested in full at once; of more, so many in each sweep that all are within six hours."""
FIRST_TESTS_HOURS = 6


class Fate(Enum):
    """What becomes of a source whose turn it is."""

    CHECK = "check"
    """It is claimed and checked."""
    FULL = "full"
    """It is tested in full, by a run of its own."""
    ALONE = "alone"
    """It is tested by a run of its own, in a process of its own: the process that checked it last was lost."""
    SKIP = "skip"
    """Another test of it is open, whose record counts."""
    LEAVE = "leave"
    """It is not ours to check now: another run is at it, or has checked it."""


class Turn(Struct, frozen=True):
    """What the catalogue says of a source whose turn it is."""

    busy: bool = False
    """Whether another test of it is open."""
    checked_for: datetime | None = None
    """The moment of the newest sweep that has claimed it."""
    claimed_until: datetime | None = None
    """Until when that claim holds; None once the check has ended."""
    lost: bool = False
    """Whether the process of its newest check was lost."""
    full_test_due: bool = False


def fate(turn: Turn, due: datetime, lost_before: datetime) -> Fate:
    """What becomes of a source in the sweep of the moment `due`; a claim that ended before `lost_before` is lost."""
    claimed = turn.claimed_until is not None
    if turn.claimed_until is not None and turn.claimed_until >= lost_before:
        return Fate.LEAVE
    if turn.checked_for is not None and (turn.checked_for > due or (turn.checked_for == due and not claimed)):
        return Fate.LEAVE
    if turn.busy:
        return Fate.SKIP
    if claimed or turn.lost:
        return Fate.ALONE
    return Fate.FULL if turn.full_test_due else Fate.CHECK


def full_test_due(due_at: datetime | None, connected: datetime | None, failed: datetime | None, now: datetime) -> bool:
    """Whether a source has to be tested in full: once a day and until that passes, as long as it can be reached at all.

    `due_at` follows from its newest full test, None before the first; the others say when it was reached last and when
    it was not.
    """
    unreachable = failed is not None and (connected is None or failed > connected)
    return (due_at is None or due_at <= now) and not unreachable


def place(source_id: int) -> float:
    """A source's place in each sweep, from 0 to 1: the same every time, so that its checks are an interval apart."""
    return source_id * GOLDEN % 1


def spread_seconds(count: int, interval: float | None) -> float:
    """The seconds over which the checks of a sweep are spread; `interval` is the time until the next sweep."""
    wanted = count / PER_SECOND
    return wanted if interval is None else min(wanted, SPREAD * interval)


def runs_wanted(count: int, spread: float) -> int:
    """How many runs share a sweep of so many sources."""
    if spread <= 0:
        return 1
    return max(1, min(MOST_RUNS, math.ceil(count / spread / RUN_PER_SECOND)))


class Stop(Struct, frozen=True, order=True):
    """A source's turn."""

    at: datetime
    source_id: int
    ours: bool = True
    """Whether it is in this run's share; the others are left to theirs unless they are late."""


def itinerary(
    checked_for: Mapping[int, datetime | None], due: datetime, interval: float | None, number: int = 0
) -> list[Stop]:
    """The turns of a sweep in the order of time, as its run of this number sees them.

    `checked_for` has the moment of the newest sweep that has claimed each source. Those that the last sweep did not get
    to come first, so that on a machine that is too slow for all it is not always the same ones that are left out.
    """
    spread = spread_seconds(len(checked_for), interval)
    runs = runs_wanted(len(checked_for), spread)
    before = None if interval is None else due - timedelta(seconds=1.5 * interval)

    def turn(source_id: int, last: datetime | None) -> datetime:
        missed = before is not None and last is not None and last < before
        return due if missed else due + timedelta(seconds=spread * place(source_id))

    turns = sorted((turn(*each), each[0]) for each in checked_for.items())
    return sorted(
        Stop(at if index % runs == number % runs else at + HELP_AFTER, each, index % runs == number % runs)
        for index, (at, each) in enumerate(turns)
    )


def too_late(plan: Plan, due: datetime, now: datetime) -> datetime | None:
    """The moment of the newer sweep that makes one of the moment `due` superfluous; None when it goes ahead."""
    following = plan.next_after(due)
    return following if following is not None and following <= now and now - due > LATENESS else None


def first_tests(count: int, interval: float | None) -> int:
    """How many sources that were never tested in full a sweep tests in full."""
    if interval is None:
        return count
    return max(FIRST_TESTS, math.ceil(count * interval / (FIRST_TESTS_HOURS * 3600)))


def planned_name(plan: Plan) -> str:
    """What a sweep is called in Prefect before it begins."""
    return f"sweep {plan.words()}"


def name_of(plan: Plan, count: int) -> str:
    """What a sweep is called in Prefect."""
    return f"{planned_name(plan)} · {count} {'source' if count == 1 else 'sources'}"
