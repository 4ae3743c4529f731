"""What is in there?"""

from collections import Counter
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from datasources.catalogue.schemas.kept import Kept
from datasources.databases.base import Session, Table
from datasources.databases.globs import Globs
from datasources.model.errors import CheckError
from datasources.model.results import Finding
from tasks.context import StepContext

NOTHING_THERE, NOTHING_READABLE, NOTHING_MATCHED = "nothing_there", "nothing_readable", "nothing_matched"
"""`details.reason` of an answer with 0 tables."""
SHOWN = 200
"""Tables, and schemas, named in the result; all of them are counted."""


async def run(check: StepContext) -> Finding:
    """Read schemas, tables, columns, keys, comments, views' texts and estimates, a batch at a time, and keep them.

    The message counts what has changed since the last time; details name the first of these changes.
    """
    source = check.source
    found, wanted = _Found(), Globs(source.catalog_include_list, source.catalog_exclude_list)
    download = await check.keeper.begin() if check.keeper else None
    async with check.session() as session:
        async for batch in session.tables(wanted):
            found.add(batch)
            if download is not None:
                download.add(batch)
        caveat = {"warning": session.caveat} if session.caveat else {}
        empty = None if found.count else await _why_empty(session, wanted)
    kept = await download.keep() if download else None
    details = (
        found.details()
        | changes_of(kept)
        | {
            "include": source.catalog_include_list,
            "exclude": source.catalog_exclude_list,
            "unmatched": wanted.unmatched,
            "hints": wanted.hints,
        }
    )
    message = f"Discovered {found.count} table{'' if found.count == 1 else 's'}{kept.told if kept else ''}"
    if empty is None:
        return Finding(message=message, details=details | caveat)
    warning = {"warning": empty.sentence} if empty.reason != NOTHING_THERE else {}
    return Finding(message=f"{message}: {empty.sentence}", details=details | {"reason": empty.reason} | warning)


def changes_of(kept: Kept | None) -> dict[str, Any]:
    """What has changed since the last download, for the details; nothing where none is kept."""
    if kept is None:
        return {}
    changes = {"version": kept.version, "since": kept.since, "counts": kept.counts, "list": kept.sentences}
    found: dict[str, Any] = {"changes": msgspec.to_builtins(changes)}
    return found | {"tables_not_kept": kept.left_out} if kept.left_out else found


class _Empty(Struct, frozen=True):
    """Why there is no table."""

    reason: str
    sentence: str


async def _why_empty(session: Session, wanted: Globs) -> _Empty:
    """Which of the three reasons it is that nothing was found; the last two are hardly what the user meant."""
    if wanted.seen:
        hints = "".join(f"; {hint}" for hint in wanted.hints)
        sentence = f"the lists of this source leave nothing of the {wanted.seen} that the user may read{hints}"
        return _Empty(NOTHING_MATCHED, sentence)
    with suppress(CheckError):
        if unreadable := await session.count_unreadable():
            sentence = f"the user may read none of the {unreadable} that exist; grant USAGE on their schema, and SELECT"
            return _Empty(NOTHING_READABLE, sentence)
    return _Empty(NOTHING_THERE, "there are none")


class _Found:
    """What is kept of all tables: counts, and the first of them in short form."""

    def __init__(self) -> None:
        self._schemas: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._columns = 0
        self._shown: list[dict[str, Any]] = []

    @property
    def count(self) -> int:
        return self._kinds.total()

    def add(self, batch: list[Table]) -> None:
        self._schemas.update(table.schema for table in batch)
        self._kinds.update(table.kind for table in batch)
        self._columns += sum(len(table.columns) for table in batch)
        self._shown += [_short(table) for table in batch[: SHOWN - len(self._shown)]]

    def details(self) -> dict[str, Any]:
        return {
            "schemas": dict(self._schemas.most_common(SHOWN)),
            "kinds": dict(self._kinds),
            "schema_count": len(self._schemas),
            "column_count": self._columns,
            "table_count": self.count,
            "tables": self._shown,
            "truncated": self.count > len(self._shown),
        }


def _short(table: Table) -> dict[str, Any]:
    return {
        "schema": table.schema,
        "name": table.name,
        "kind": table.kind,
        "columns": len(table.columns),
        "rows": table.rows,
        "comment": table.comment,
        "primary_key": table.primary_key,
        "foreign_keys": len(table.foreign_keys),
    }
