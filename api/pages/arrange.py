"""Which sources a list shows, and in which order: rules without any IO."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from api.pages.board import Entry
from datasources.health.glance import GLANCES

PAGE_SIZE = 50
Sort = Literal["attention", "name", "type", "slowest", "oldest"]
SORTS: dict[Sort, str] = {
    "attention": "Needs attention first",
    "name": "Name",
    "type": "Type",
    "slowest": "Slowest first",
    "oldest": "Tested longest ago",
}
"""Orders, as the page calls them."""
NEVER = datetime.min.replace(tzinfo=UTC)


class Wanted(Struct, frozen=True):
    """What a reader has chosen; an empty text leaves a filter out."""

    q: str = ""
    """Part of the name, in any case."""
    state: str = ""
    type: str = ""
    tag: str = ""
    sort: Sort = "attention"
    group: Literal["", "tag"] = ""
    page: int = 1

    @property
    def filtered(self) -> bool:
        """Whether anything is left out."""
        return bool(self.q or self.state or self.type or self.tag)

    def address(self, **changes: object) -> str:
        """The address of the list with these changes; a change of what is shown begins at the first page."""
        wanted = replace(self, **({"page": 1} | changes))
        chosen = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
        default = Wanted()
        left = {name: value for name, value in chosen.items() if value != getattr(default, name)}
        return f"/?{urlencode(left)}" if left else "/"


class Group(Struct, frozen=True):
    """Sources under one heading; without a name where nothing is grouped."""

    name: str | None
    entries: list[Entry]


class Arranged(Struct, frozen=True):
    """One page of a list."""

    groups: list[Group]
    total: int
    """How many sources were found on all pages; in a list by tag, each counts once for each of its tags."""
    first: int
    last: int
    pages: int
    page: int


def found(entries: Iterable[Entry], wanted: Wanted) -> list[Entry]:
    """The entries that pass every filter, in the chosen order."""
    text = wanted.q.strip().casefold()
    chosen = [
        entry
        for entry in entries
        if (not text or text in entry.line.name.casefold())
        and (not wanted.state or entry.glance == wanted.state)
        and (not wanted.type or entry.line.type == wanted.type)
        and (not wanted.tag or wanted.tag in entry.line.tags)
    ]
    return _sorted(chosen, wanted.sort)


def arrange(entries: Iterable[Entry], wanted: Wanted) -> Arranged:
    """The page that is wanted, or the last one where there are fewer."""
    chosen = found(entries, wanted)
    pairs: list[tuple[str | None, Entry]] = _by_tag(chosen, wanted.tag) if wanted.group else [(None, e) for e in chosen]
    pages = max(1, -(-len(pairs) // PAGE_SIZE))
    page = min(max(1, wanted.page), pages)
    shown = pairs[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    first = (page - 1) * PAGE_SIZE + 1 if shown else 0
    return Arranged(_groups(shown), len(pairs), first, first + len(shown) - 1 if shown else 0, pages, page)


def tags_of(entries: Iterable[Entry]) -> list[str]:
    """Every tag that a source has, in the order of the alphabet."""
    return sorted({tag for entry in entries for tag in entry.line.tags}, key=str.casefold)


def _sorted(entries: Sequence[Entry], sort: Sort) -> list[Entry]:
    by_name = sorted(entries, key=lambda entry: (entry.line.name.casefold(), entry.line.id))
    if sort == "type":
        return sorted(by_name, key=lambda entry: entry.line.type)
    if sort == "slowest":
        return sorted(by_name, key=lambda entry: -(entry.line.response_time_ms or -1))
    if sort == "oldest":
        return sorted(by_name, key=lambda entry: entry.line.last_tested_at or NEVER)
    return by_name if sort == "name" else sorted(by_name, key=_attention)


def _attention(entry: Entry) -> tuple[bool, int, float]:
    """A test that waits for an answer first, then what is down, the newest change before older ones."""
    since = entry.line.status_since if entry.glance == "down" else None
    asks = entry.test is not None and entry.test.asks
    return not asks, GLANCES.index(entry.glance), -since.timestamp() if since else 0.0


def _by_tag(entries: Sequence[Entry], only: str) -> list[tuple[str | None, Entry]]:
    tags = [only] if only else tags_of(entries)
    tagged = [(tag, entry) for tag in tags for entry in entries if tag in entry.line.tags]
    return [*tagged, *(("", entry) for entry in entries if not entry.line.tags)]


def _groups(pairs: Sequence[tuple[str | None, Entry]]) -> list[Group]:
    groups: list[Group] = []
    for name, entry in pairs:
        if not groups or groups[-1].name != name:
            groups.append(Group(name, []))
        groups[-1].entries.append(entry)
    return groups
