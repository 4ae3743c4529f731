"""Lineage from earlier statements, out of the best log that the server fills and the user may read."""

from collections.abc import Iterable
from functools import partial

from datasources.databases.base import History, LineageEdge
from datasources.databases.flood import CONNECTION_BYTES
from datasources.databases.history.apart import edges_apart
from datasources.databases.history.names import SchemaNames
from datasources.databases.limits import Limit
from datasources.databases.mysql import logs
from datasources.databases.mysql.catalog import Name, Row, rows
from datasources.databases.mysql.connect import Opened
from datasources.databases.mysql.errors import translated
from datasources.databases.mysql.logs import Log
from datasources.databases.mysql.texts import Statements, in_sessions, statements_of
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

SEARCH_SECONDS = 10.0
"""How long the server may search one of its logs, which have no index; at most a quarter of the limit."""
PARSE_SECONDS = 20.0
"""How long we parse texts: at most half of the time that is left. The rest of the texts count as unread."""
BEYOND = (1969, 3024)
"""The error numbers of MariaDB and MySQL for a statement that exceeded its time limit."""
WHERE = "mysql.general_log, performance_schema or mysql.slow_log"
TOO_LONG = "{table} could not be searched within {seconds:.3g} s: empty it"


async def read_history(
    opened: Opened, limit: Limit, seconds: float, known: Iterable[Name]
) -> tuple[list[LineageEdge], History]:
    """The edges, and what was read, or what the user needs to read it. Neither quotes a text.

    `known` are the names of all tables. Runs eight statements at most, however large the server is.
    """
    with translated("history"):  # a server may answer anything
        return await _read(_Reading(opened, limit, min(SEARCH_SECONDS, seconds / 4)), limit, known)


async def _read(reading: "_Reading", limit: Limit, known: Iterable[Name]) -> tuple[list[LineageEdge], History]:
    variables: dict[str, str] = dict(await reading.rows(logs.VARIABLES) or [])
    off = await reading.rows(logs.CONSUMERS) if logs.has_performance_schema(variables) else None
    missing = []
    for log in logs.logs_of(variables, frozenset(str(name) for (name,) in off or [])):
        found = await reading.statements(log)
        if found is None:
            missing.append(reading.missing(log))
            continue
        folded = variables.get("lower_case_table_names") != "0"
        names = SchemaNames(known, folded=folded, shouted=log is logs.DIGEST_LOG)
        seconds = min(PARSE_SECONDS, limit.left / 2)
        # MariaDB ignores the case of the names of a WITH, even where it respects that of tables.
        dialect = "mariadb" if folded or reading.is_mariadb else "mysql"
        async with limit.round("history"):
            edges, count, unread = await edges_apart(found.written, names, dialect, seconds=seconds)
        unread += found.lost
        return edges, History(read_from=log.kept_in, statements=count, unread=unread)
    if not missing:
        return [], History(read_from=WHERE, missing=logs.nothing_kept(variables, reading.account), kept=False)
    return [], History(read_from=WHERE, missing=", or ".join(dict.fromkeys(missing)))


class _Reading:
    """Reads the logs of one server, some of which the user may not read."""

    def __init__(self, opened: Opened, limit: Limit, seconds: float) -> None:
        self._opened = opened
        self._limit = limit
        self._seconds = seconds
        self._refusal: CheckError | None = None
        self.is_mariadb = opened.is_mariadb
        name, _, host = opened.user.rpartition("@")
        self.account = f"{_constant(name)}@{_constant(host)}"

    async def rows(self, statement: str) -> list[Row] | None:
        """All rows; None if the user may not read them, the table does not exist, or the server takes too long."""
        try:
            self._opened.wire.begin(CONNECTION_BYTES)
            return await self._opened.within(self._limit, "history", partial(rows, self._bounded(statement)))
        except CheckError as error:
            late = error.details.get("mysql_error") in BEYOND
            if not late and error.code not in (ErrorCode.PERMISSION_DENIED, ErrorCode.QUERY_ERROR):
                raise
            self._refusal = error
            return None

    async def statements(self, log: Log) -> Statements | None:
        """The statements of this log; None if we cannot read it."""
        found = await self.rows(log.statement)
        if found is None:
            return None
        if log is logs.GENERAL_LOG:
            found = in_sessions(found, await self.rows(logs.SESSIONS) or [])
        return statements_of(found, digests=log is logs.DIGEST_LOG)

    def missing(self, log: Log) -> str:
        """Why we could not read this log. The server's message may quote a text, so only its number is given."""
        number = self._refusal.details.get("mysql_error") if self._refusal else None
        if number in BEYOND:
            return TOO_LONG.format(table=log.table, seconds=self._seconds)
        if self._refusal is None or self._refusal.code is ErrorCode.PERMISSION_DENIED:
            return f"GRANT SELECT ON {log.grant} TO {self.account}"
        return f"the server does not search {log.table} as we ask it to (error {number})"

    def _bounded(self, statement: str) -> str:
        """The statement with a time limit that the server enforces."""
        if not statement.lstrip().startswith("SELECT"):
            return statement
        if self.is_mariadb:
            return f"SET STATEMENT max_statement_time = {self._seconds:.3f} FOR {statement.lstrip()}"
        return statement.replace("SELECT", f"SELECT /*+ MAX_EXECUTION_TIME({round(self._seconds * 1000)}) */", 1)


def _constant(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
