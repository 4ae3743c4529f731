"""Earlier statements as logs keep them: what of a text can be parsed, and in which schema its names are found."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct

from datasources.databases.history.edges import Written
from datasources.databases.mysql.catalog import Row
from datasources.databases.mysql.logs import SESSION_LIMIT, TEXT_LIMIT
from datasources.databases.mysql.query import LEADING

CUT = "..."
"""At the end of a text that the server has cut."""
LISTS = ((re.compile(r"\(\s*\.\.\.\s*\)"), "(?)"), (re.compile(r"\?\s*,\s*\.\.\."), "?"))
"""What a digest makes of several values."""
VERB = re.compile(
    r"(?:INSERT|REPLACE)\b(?:\s+(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE)\b)*(?:\s+INTO\b)?|"
    r"UPDATE\b(?:\s+(?:LOW_PRIORITY|IGNORE)\b)*|"
    r"WITH\b|CREATE(?:\s+(?:OR\s+REPLACE|TEMPORARY)\b)*\s+TABLE\b",
    re.IGNORECASE,
)
CONNECTED = re.compile(r"(.*?)(?: using [A-Za-z/ ]+)?", re.DOTALL)
USED = re.compile(r"\s*use\s*(`(?:[^`]|``)+`|[^\s;`]+)[\s;]*", re.IGNORECASE)


Kept = tuple[str | None, str | None]
"""A text and the schema in which it was run, as a log has them."""


class Statements(Struct, frozen=True):
    """What came of the texts of a log: each that can be parsed once, and how many are not there as a whole."""

    written: list[Written]
    lost: int


def statements_of(rows: Iterable[Kept], *, digests: bool = False) -> Statements:
    """`digests`: a text has `?` in place of each value, and dots in place of several."""
    written, lost = dict[Written, None](), 0
    for kept, schema in rows:
        text = with_single_values(kept or "") if digests else kept or ""
        parsed = parsable(text)
        if not text or (parsed and (len(text) > TEXT_LIMIT or text.rstrip().endswith(CUT))):
            lost += 1
        elif parsed:
            written[Written(parsed, schema or "")] = None
    return Statements(list(written), lost)


def with_single_values(text: str) -> str:
    """The text of a digest, with one value in place of several."""
    for several, one in LISTS:
        text = several.sub(one, text)
    return text


def parsable(text: str) -> str | None:
    """The statement in words that sqlglot knows; None for one of another kind.

    REPLACE writes as INSERT does, and words for when and how it is done change nothing.
    """
    start = LEADING.match(text)
    rest = text[start.end() if start else 0 :]
    verb = VERB.match(rest)
    if verb is None:
        return None
    words = verb[0].split()
    first = words[0].upper()
    kept = "INSERT INTO" if first in ("INSERT", "REPLACE") else words[0] if first == "UPDATE" else verb[0]
    return f"{kept} {rest[verb.end() :].lstrip()}"


def in_sessions(statements: Iterable[Row], sessions: Iterable[Row]) -> list[Kept]:
    """The general log has no column for the schema: it is the one that the session chose last.

    Rows of text, thread and time; those of sessions with the command as well.
    """
    chosen = defaultdict[str, list[tuple[str, str]]](list)
    for text, thread, at, command in sessions:
        chosen[thread].append((at, _chosen(command, (text or "")[:SESSION_LIMIT])))
    for moments in chosen.values():
        moments.sort()
    found: list[Kept] = []
    for text, thread, at in statements:
        moments = chosen.get(thread, [])
        number = bisect_right(moments, at, key=lambda moment: moment[0])
        found.append((text, moments[number - 1][1] if number else None))
    return found


def _chosen(command: str, text: str) -> str:
    """The schema by a row of the general log."""
    if command == "Init DB":
        return text
    if command == "Query":
        used = USED.fullmatch(text)
        return used[1].removeprefix("`").removesuffix("`").replace("``", "`") if used else ""
    _, begins, place = text.rpartition(" on ")
    connected = CONNECTED.fullmatch(place) if begins else None
    return connected[1] if connected else ""
