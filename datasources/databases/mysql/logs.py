"""The tables in which a server keeps earlier statements: which it fills, and what a user needs to read them."""

import re
from collections.abc import Mapping

from msgspec import Struct

from datasources.databases.history.edges import MOST_STATEMENTS

TEXT_LIMIT = 20_000
"""How many characters of a statement are read; a longer statement counts as unread."""
SESSION_LIMIT = 400
"""The same, where the text says which schema a session chose."""
VARIABLES = """
SHOW GLOBAL VARIABLES WHERE Variable_name IN
('general_log', 'slow_query_log', 'log_output', 'performance_schema', 'lower_case_table_names')
"""
CONSUMERS = "SELECT NAME FROM performance_schema.setup_consumers WHERE ENABLED = 'NO'"
"""What performance_schema does not record."""

START = "(^|\n|[*]/)[[:space:](]*"
"""The start of a text, or of what follows a comment."""
TABLE = "create([[:space:]]+(or|replace|temporary))*[[:space:]]+table"
BEGINS = f"{START}(insert|replace|update|with|{TABLE})[[:space:]/]"
LISTS = f"{START}update[^=]*,[^=]*[[:space:]]set[[:space:]]"
"""An UPDATE of several tables without the word JOIN."""
WHOLE = "[[:space:])]table[[:space:]][^(),=]+$"
"""All rows of a table, without the word SELECT."""


def writes(text: str) -> str:
    """The SQL condition for an expression `text`: roughly, whether that statement may fill one table from others."""
    words = " OR ".join(f"{text} LIKE '%{word}%'" for word in ("select", "join", "using"))
    others = f"LEFT({text}, 400) REGEXP '{LISTS}' OR RIGHT({text}, 300) REGEXP '{WHOLE}'"
    return f"LEFT({text}, 1000) REGEXP '{BEGINS}' AND ({words} OR {others})"


GENERAL_TEXT = "CONVERT(argument USING utf8mb4)"
SLOW_TEXT = "CONVERT(sql_text USING utf8mb4)"
GENERAL = f"""
SELECT LEFT({GENERAL_TEXT}, {TEXT_LIMIT + 1}), thread_id, event_time FROM mysql.general_log
WHERE command_type IN ('Query', 'Execute') AND {writes(GENERAL_TEXT)}
ORDER BY event_time DESC LIMIT {MOST_STATEMENTS}
"""  # noqa: S608 -- put together from constants
SESSIONS = f"""
SELECT LEFT({GENERAL_TEXT}, {SESSION_LIMIT}), thread_id, event_time, command_type FROM mysql.general_log
WHERE command_type IN ('Connect', 'Change user', 'Init DB')
OR command_type = 'Query' AND {GENERAL_TEXT} REGEXP '^[[:space:]]*use[[:space:]`]'
ORDER BY event_time DESC LIMIT {4 * MOST_STATEMENTS}
"""  # noqa: S608 -- put together from constants
DIGESTS = f"""
SELECT LEFT(DIGEST_TEXT, {TEXT_LIMIT + 1}), SCHEMA_NAME FROM performance_schema.events_statements_summary_by_digest
WHERE SUM_ERRORS < COUNT_STAR AND (DIGEST IS NULL OR {writes("DIGEST_TEXT")}
OR DIGEST_TEXT REGEXP '{BEGINS}' AND DIGEST_TEXT LIKE '%...' AND DIGEST_TEXT NOT REGEXP '^CREATE| VALUES ')
ORDER BY LAST_SEEN DESC LIMIT {MOST_STATEMENTS}
"""  # noqa: S608 -- put together from constants
RECENT = f"""
SELECT LEFT(SQL_TEXT, {TEXT_LIMIT + 1}), CURRENT_SCHEMA FROM performance_schema.events_statements_history_long
WHERE ERRORS = 0 AND {writes("SQL_TEXT")} ORDER BY TIMER_START DESC LIMIT {MOST_STATEMENTS}
"""  # noqa: S608 -- put together from constants
SLOW = f"""
SELECT LEFT({SLOW_TEXT}, {TEXT_LIMIT + 1}), db FROM mysql.slow_log
WHERE {writes(SLOW_TEXT)} ORDER BY start_time DESC LIMIT {MOST_STATEMENTS}
"""  # noqa: S608 -- put together from constants


class Log(Struct, frozen=True):
    """A table in which the server keeps earlier statements."""

    table: str
    statement: str
    holds: str
    """Which statements it keeps, for how long."""
    grant: str
    """What a user needs to read it."""
    consumers: frozenset[str] = frozenset()
    """What must be switched on in performance_schema."""

    @property
    def kept_in(self) -> str:
        """The table, and what it holds."""
        return f"{self.table} ({self.holds})"


GENERAL_LOG = Log(
    "mysql.general_log", GENERAL, "every statement that was sent, until it is emptied", "mysql.general_log"
)
DIGEST_LOG = Log(
    "performance_schema.events_statements_summary_by_digest",
    DIGESTS,
    "statements by their form, since the server's start",
    "performance_schema.*",
    frozenset({"global_instrumentation", "statements_digest"}),
)
RECENT_LOG = Log(
    "performance_schema.events_statements_history_long",
    RECENT,
    "the latest statements, since the server's start",
    "performance_schema.*",
    frozenset(
        {
            "global_instrumentation",
            "thread_instrumentation",
            "events_statements_current",
            "events_statements_history_long",
        }
    ),
)
SLOW_LOG = Log("mysql.slow_log", SLOW, "statements that took long_query_time, until it is emptied", "mysql.slow_log")
NOTHING_KEPT = (
    "the server keeps no statements in tables: start it with performance_schema = ON, and GRANT SELECT ON "
    "performance_schema.* TO {account}"
)
NOTHING_RECORDED = (
    "performance_schema records no statements: UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' "
    "WHERE NAME IN ('global_instrumentation', 'statements_digest')"
)


def has_performance_schema(variables: Mapping[str, str]) -> bool:
    """Whether the server was started with it."""
    return _is_on(variables, "performance_schema")


def logs_of(variables: Mapping[str, str], off: frozenset[str]) -> list[Log]:
    """The logs that this server fills, by its variables and the consumers that are `off`; the best first.

    Whole texts are better than digests, which are better than slow statements alone.
    """
    in_tables = "TABLE" in re.split(r"\W+", variables.get("log_output", "").upper())
    found = [GENERAL_LOG] if in_tables and _is_on(variables, "general_log") else []
    if has_performance_schema(variables):
        found += [log for log in (DIGEST_LOG, RECENT_LOG) if not log.consumers & off]
    return found + ([SLOW_LOG] if in_tables and _is_on(variables, "slow_query_log") else [])


def nothing_kept(variables: Mapping[str, str], account: str) -> str:
    """Why there is no log to read, and how to switch one on."""
    return NOTHING_RECORDED if has_performance_schema(variables) else NOTHING_KEPT.format(account=account)


def _is_on(variables: Mapping[str, str], name: str) -> bool:
    return variables.get(name, "").upper() in ("ON", "1")
