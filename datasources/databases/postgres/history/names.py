"""Resolves the names in a statement whose search path is no longer known."""

from collections.abc import Iterable

from datasources.databases.base import TableName
from datasources.databases.history.edges import AmbiguousName, Written
from datasources.databases.history.statements import Named

Row = tuple[str, str, bool]
"""Schema and name of a table of the database, and whether the user may see it."""

NAMES = """
SELECT n.nspname, c.relname, ({visible})::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ({relations}) AND n.nspname !~ '^pg_(toast|temp)'
"""


class PgNames:
    """Names as PostgreSQL compares them: case matters.

    PostgreSQL does not record the search path of the session that used a name. So an unqualified name is resolved only
    if a single table of the whole database has it, counting system tables and tables that the user may not see.
    """

    def __init__(self, rows: Iterable[Row], database: str) -> None:
        self._database = database
        self._visible: dict[tuple[str, str], TableName] = {}
        self._named: dict[str, list[tuple[str, str]]] = {}
        for schema, name, visible in rows:
            self._named.setdefault(name, []).append((schema, name))
            if visible:
                self._visible[schema, name] = TableName(schema, name)

    def find(self, named: Named, statement: Written) -> TableName | None:
        """The table. Raises `AmbiguousName`."""
        if named.catalog and named.catalog != self._database:
            return None
        if named.schema:
            return self._visible.get((named.schema, named.name))
        known = self._named.get(named.name, [])
        if len(known) > 1:
            raise AmbiguousName
        return self._visible.get(known[0]) if known else None
