"""One test as a waterfall: when each step began, how long it took, and the stages of its connection."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from datasources.model.results import Published
from datasources.model.steps import CONNECTION

WIDTH = 1000
"""Units of the whole time."""
LEAST = 4
"""Units that a step takes at least, to be seen."""
STAGES = {
    "resolve": "name resolved",
    "tcp": "connected (TCP)",
    "tls": "TLS negotiated",
    "login": "logged in",
    "database": "database opened",
}


class Stretch(Struct, frozen=True):
    """A bar: where it begins and how long it is, in units of the whole."""

    x: float
    width: float


class Stage(Struct, frozen=True):
    """A part of a connection."""

    name: str
    ms: float
    stretch: Stretch


class Waterfall(Struct, frozen=True):
    """Every step that has begun."""

    total_ms: float
    steps: dict[str, Stretch]
    stages: list[Stage]
    """Of the connection step, in their order."""


def waterfall(published: Mapping[str, Published], running: Sequence[str], now: datetime) -> Waterfall:
    """The steps that have ended, and those that are `running`, which go on to `now`."""
    spans = {
        name: (found.ended_at - timedelta(milliseconds=found.result.duration_ms), found.ended_at)
        for name, found in published.items()
        if found.ended_at is not None and found.result.duration_ms is not None
    }
    if not spans and not running:
        return Waterfall(0, {}, [])
    begin = min((start for start, _ in spans.values()), default=now)
    ended = max((end for _, end in spans.values()), default=begin)
    spans |= {name: (_since(published, spans, begin), now) for name in running}
    whole = max((max(end for _, end in spans.values()) - begin).total_seconds() * 1000, 1.0)
    steps = {
        name: _stretch((start - begin).total_seconds() * 1000, end - start, whole)
        for name, (start, end) in spans.items()
    }
    connection = published.get(CONNECTION)
    total = whole if running else (ended - begin).total_seconds() * 1000
    return Waterfall(total, steps, _stages(connection, whole) if connection and CONNECTION in spans else [])


def _since(
    published: Mapping[str, Published], spans: Mapping[str, tuple[datetime, datetime]], begin: datetime
) -> datetime:
    """A step that runs began with the test, or when the connection was there."""
    return spans[CONNECTION][1] if CONNECTION in published and CONNECTION in spans else begin


def _stretch(offset_ms: float, length: timedelta, whole: float) -> Stretch:
    x = min(WIDTH - LEAST, max(0.0, WIDTH * offset_ms / whole))
    width = max(LEAST, WIDTH * length.total_seconds() * 1000 / whole)
    return Stretch(round(x, 1), round(min(width, WIDTH - x), 1))


def _stages(connection: Published, whole: float) -> list[Stage]:
    """As the connection step has measured them; behind a gateway its tunnel comes first."""
    details: Mapping[str, Any] = connection.result.details
    tunnel = details.get("ssh_tunnel") or {}
    parts: list[tuple[str, float]] = [("SSH tunnel opened", tunnel["opened_ms"])] if tunnel.get("opened_ms") else []
    measured: dict[str, float] = details.get("stages_ms") or {}  # the catalogue keeps no order of names
    names = [*(name for name in STAGES if name in measured), *(name for name in measured if name not in STAGES)]
    parts += [(STAGES.get(name, name), measured[name]) for name in names if measured[name]]
    if answered := details.get("response_time_ms"):
        parts.append(("first query answered", answered))
    stages, at = [], 0.0
    for name, ms in parts:
        stages.append(Stage(name, ms, _stretch(at, timedelta(milliseconds=ms), whole)))
        at += ms
    return stages
