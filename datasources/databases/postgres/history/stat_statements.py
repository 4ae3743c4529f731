"""The extension pg_stat_statements: where it is, whether we may read it, and the statements that it remembers."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from datasources.databases.flood import MEGABYTE
from datasources.databases.history.edges import MOST_STATEMENTS
from datasources.databases.postgres.answers import Count
from datasources.databases.postgres.history.past import Past
from datasources.databases.postgres.history.texts import READS, TEMPORARY, WRITES, is_worth_reading
from datasources.databases.postgres.transaction import identifier
from datasources.databases.view_lineage import LENGTH_LIMIT
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

Read = Callable[[str, Any], Awaitable[list[Any]]]
"""Runs a statement of ours, and returns its rows as this type."""

MOST_BYTES = 16 * MEGABYTE
"""Of all texts together; the statements called least often are left out, and count as unread."""
HIDDEN = "<insufficient privilege>"
"""What it shows instead of the text of another user's statement."""
NOT_LOADED = "55000"
STOPPED = frozenset({"57014", "55P03"})
"""SQLSTATEs: the library is not loaded; the statement took too long, or waited too long for a lock."""

EXTENSION = """
SELECT n.nspname, has_schema_privilege(n.oid, 'USAGE')::text, has_table_privilege(c.oid, 'SELECT')::text
FROM pg_extension AS e
JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
                   AND d.classid = 'pg_class'::regclass
JOIN pg_class AS c ON c.oid = d.objid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE e.extname = 'pg_stat_statements' AND c.relname = 'pg_stat_statements'
"""
"""Looks for members of the extension, so that another user's table of that name is not taken for it."""
STATEMENTS = f"""
SELECT CASE WHEN g.size <= {MOST_BYTES} AND length(g.query) <= {LENGTH_LIMIT} THEN g.query END, g.statements::text
FROM (
    SELECT s.query, count(*) AS statements,
           sum(octet_length(s.query)) OVER (ORDER BY s.query = '{HIDDEN}' DESC, sum(s.calls) DESC) AS size
    FROM {{schema}}.pg_stat_statements AS s
    WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (s.query IS NULL OR s.query = '{HIDDEN}' OR s.query ~* '{TEMPORARY}'
           OR (s.query ~* '{WRITES}' AND s.query ~* '{READS}'))
    GROUP BY s.query
) AS g ORDER BY g.size NULLS FIRST LIMIT {MOST_STATEMENTS}
"""  # noqa: S608 -- put together from constants, and a quoted name
"""The statements of this database that were called most often; the text is NULL if the server has lost it."""

KEPT_IN = "pg_stat_statements (since its last reset)"
ABSENT = (
    "this database has no pg_stat_statements: CREATE EXTENSION pg_stat_statements, with pg_stat_statements in the "
    "server's shared_preload_libraries"
)
GRANT = "GRANT pg_read_all_stats TO {grantee} (hidden statements of other users: {hidden})"
PRELOAD = "add pg_stat_statements to the server's shared_preload_libraries, and restart it"


class Extension(Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A row of `EXTENSION`."""

    schema: str
    may_enter: bool
    may_read: bool


class Statement(Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A row of `STATEMENTS`: a text, and how many entries have it (one for each user)."""

    text: str | None
    count: Count


async def remembered(read: Read, user: str) -> Past:
    """The statements that it remembers; if it or a privilege is missing, what to do. Raises `CheckError`."""
    found: list[Extension] = await read(EXTENSION, Extension)
    if not found:
        return Past(read_from=KEPT_IN, missing=ABSENT, kept=False)
    extension, grantee = found[0], identifier(user)
    grants = []
    if not extension.may_enter:
        grants.append(f"GRANT USAGE ON SCHEMA {identifier(extension.schema)} TO {grantee}")
    if not extension.may_read:
        grants.append(f"GRANT SELECT ON {identifier(extension.schema, 'pg_stat_statements')} TO {grantee}")
    if grants:
        return Past(read_from=KEPT_IN, missing="; ".join(grants))
    try:
        rows: list[Statement] = await read(STATEMENTS.format(schema=identifier(extension.schema)), Statement)
    except CheckError as error:
        if (missing := _reason(error)) is None:
            raise
        return Past(read_from=KEPT_IN, missing=missing)
    hidden = sum(row.count for row in rows if row.text == HIDDEN)
    return Past(
        read_from=KEPT_IN,
        texts=[row.text for row in rows if row.text is not None and is_worth_reading(row.text)],
        unread=sum(row.count for row in rows if row.text is None),
        missing=GRANT.format(grantee=grantee, hidden=hidden) if hidden else None,
    )


def _reason(error: CheckError) -> str | None:
    """Why the server does not show its statements; None if the error has nothing to do with the extension."""
    state = error.details.get("sqlstate")
    if state == NOT_LOADED:
        return PRELOAD
    if state in STOPPED or error.code in (ErrorCode.PERMISSION_DENIED, ErrorCode.QUERY_ERROR):
        return f"the server refused it: {error.message}"
    return None
