"""Lineage from earlier statements in the server's query log."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from datasources.databases.base import History, LineageEdge, Origin, TableName
from datasources.databases.clickhouse.behind import Behind
from datasources.databases.clickhouse.catalog import NAME, Row, quoted, unquoted
from datasources.databases.clickhouse.connect import Asker
from datasources.databases.clickhouse.errors import translated
from datasources.databases.flood import MEGABYTE
from datasources.databases.history.apart import deeds_apart
from datasources.databases.history.edges import MOST_STATEMENTS, Written, edges_from
from datasources.databases.history.names import SchemaNames
from datasources.databases.history.statements import Deed
from datasources.databases.limits import Limit
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

TEXT_LIMIT = 100_000
"""How many characters of a statement are read: as many as the server keeps by default."""
HISTORY_BYTES = 128 * MEGABYTE
"""Of all texts."""
DAYS = 30
"""How far back the log is read."""
SEARCH_SECONDS = 10
"""How long the server may search its log for us; at most a quarter of the limit."""
PARSE_SECONDS = 20.0
"""How long we parse texts: at most half of the time that is left. The rest of the texts count as unread."""
STATEMENTS = f"""
SELECT if(length(query) >= {TEXT_LIMIT}, '', normalizeQueryKeepNames(query)) AS text, current_database, tables
FROM system.query_log
WHERE type = 'QueryFinish' AND is_initial_query AND query_kind IN ('Insert', 'Create')
  AND event_date >= today() - {DAYS} AND positionCaseInsensitive(query, 'select') > 0
GROUP BY text, current_database, tables ORDER BY max(event_time) DESC LIMIT {MOST_STATEMENTS}
"""  # noqa: S608 -- put together from constants
KEPT_IN = f"system.query_log (of the node that answers, {DAYS} days)"
UNKNOWN_FUNCTION, UNKNOWN_IDENTIFIER, UNKNOWN_TABLE, TIMEOUT_EXCEEDED = 46, 47, 60, 159
NOT_THERE = (
    "system.query_log is not there: the server makes it when it first writes to it, with log_queries = 1 and a section "
    "query_log in its configuration"
)
GRANT = "GRANT SELECT ON system.query_log TO {user}"
TOO_LONG = "system.query_log could not be searched within {seconds} s: give it a TTL"
OLD = "this version's system.query_log lacks columns that we ask for, or the function normalizeQueryKeepNames"
SEVERAL = "?.."
"""What the server replaces several values with; it replaces a single one with `?`."""
HEAD = re.compile(
    rf"(?:\s|--[^\n]*\n|/\*.*?\*/)*+(?:INSERT\s+INTO\s+(?:TABLE\s+)?+(?!FUNCTION\b)"
    r"|CREATE\s+(?:OR\s+REPLACE\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?+)"
    rf"(?:{NAME}\s*\.\s*)?{NAME}(?![\w.(])",
    re.IGNORECASE | re.DOTALL,
)
"""The beginning of a statement, with the table that it writes; a table function is not one."""


async def read_history(
    asker: Asker, limit: Limit, seconds: float, members: Sequence[Row], views: Sequence[LineageEdge]
) -> tuple[list[LineageEdge], History]:
    """The edges, and what was read, or what the user needs to read it. Values in statements do not leave the server.

    `members` are all tables, `views` the edges of views. Runs one statement.
    """
    search = max(1, min(SEARCH_SECONDS, round(seconds / 4)))
    try:
        rows = await _rows(asker, limit, search)
    except CheckError as error:
        missing = _missing(error, asker.user, search)
        if missing is None:
            raise
        kept = error.details.get("clickhouse_error") != UNKNOWN_TABLE
        return [], History(read_from=KEPT_IN, missing=missing, kept=kept)
    with translated("history"):  # a server may answer anything
        touched = touched_of(rows)
        async with limit.round("history"):
            seconds = min(PARSE_SECONDS, limit.left / 2)
            deeds = await deeds_apart([statement.sql for statement in touched], "clickhouse", seconds)
            return history_of(dict(zip(touched, deeds, strict=True)), touched, members, views)


def touched_of(rows: list[Row]) -> dict[Written, set[str]]:
    """Statements, each with the tables that the server has touched for it, of rows of text, database and tables.

    Raises `ValueError` for an answer of another form.
    """
    touched = defaultdict[Written, set[str]](set)
    for text, schema, tables in msgspec.convert(rows, list[tuple[str, str, list[str]]]):
        touched[Written(text.replace(SEVERAL, "?"), schema)] |= set(tables)
    return touched


def history_of(
    deeds: Mapping[Written, Deed | None],
    touched: Mapping[Written, set[str]],
    members: Sequence[Row],
    views: Sequence[LineageEdge],
) -> tuple[list[LineageEdge], History]:
    """The edges of these statements, and how many of them were read.

    `deeds` are what their texts say. If a text is not understood, the server's own list says which tables it read.
    """
    understood = [(statement, deed) for statement, deed in deeds.items() if statement.sql and deed and deed.understood]
    made, count, unread = edges_from(understood, SchemaNames([(row[0], row[1]) for row in members], folded=False))
    found, behind = {(edge.source, edge.target) for edge in made}, Behind(members, views)
    for statement in deeds.keys() - {statement for statement, _ in understood}:
        target = target_of(statement)
        if target is None:
            unread += 1
            continue
        count += 1
        found |= behind.pairs(touched[statement], target)
    return (
        [LineageEdge(source=source, target=target, origin=Origin.query_history) for source, target in sorted(found)],
        History(read_from=KEPT_IN, statements=count, unread=unread),
    )


def target_of(statement: Written) -> TableName | None:
    """The table that this statement writes, judging by its beginning."""
    found = HEAD.match(statement.sql)
    return TableName(unquoted(found[1]) if found[1] else statement.schema, unquoted(found[2])) if found else None


async def _rows(asker: Asker, limit: Limit, search: int) -> list[Row]:
    """The rows of the log; the statement gets a time limit of its own if the user may set one."""
    own = {"max_execution_time": str(search)} if asker.settings else {}
    return await asker.within(limit, "history", STATEMENTS, most=HISTORY_BYTES, settings=own)


def _missing(error: CheckError, user: str, search: int) -> str | None:
    """Why we could not read the log; None if the error has nothing to do with the log."""
    number = error.details.get("clickhouse_error")
    if number == UNKNOWN_TABLE:
        return NOT_THERE
    if error.code is ErrorCode.PERMISSION_DENIED:
        return GRANT.format(user=quoted(user))
    if number == TIMEOUT_EXCEEDED:
        return TOO_LONG.format(seconds=search)
    return OLD if number in (UNKNOWN_FUNCTION, UNKNOWN_IDENTIFIER) else None
