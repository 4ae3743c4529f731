"""Resolves names on servers where only a schema qualifies a table."""

from collections.abc import Iterable

from datasources.databases.base import TableName
from datasources.databases.history.edges import AmbiguousName, Name, Written
from datasources.databases.history.statements import Named


class SchemaNames:
    """Names of tables in schemas; an unqualified name belongs to the schema of the session.

    `folded`: the server ignores case. `shouted`: the log may write a name that is also an SQL keyword in upper case.
    """

    def __init__(self, known: Iterable[Name], *, folded: bool, shouted: bool = False) -> None:
        self._folded = folded
        self._tables = {self._key(*name): TableName(*name) for name in known}
        self._shouted: dict[Name, list[TableName]] = {}
        for table in self._tables.values() if shouted else ():
            self._shouted.setdefault((table.schema.upper(), table.name.upper()), []).append(table)

    def find(self, named: Named, statement: Written) -> TableName | None:
        """The table. Raises `AmbiguousName` if the session's schema is unknown, or if several tables match."""
        schema = named.schema or statement.schema
        if not schema:
            raise AmbiguousName
        if named.catalog:
            return None
        return self._tables.get(self._key(schema, named.name)) or self._heard(schema, named.name)

    def _heard(self, schema: str, name: str) -> TableName | None:
        known = [
            table
            for table in self._shouted.get((schema.upper(), name.upper()), [])
            if schema in (table.schema, table.schema.upper()) and name in (table.name, table.name.upper())
        ]
        if len(known) > 1:
            raise AmbiguousName
        return known[0] if known else None

    def _key(self, schema: str, name: str) -> Name:
        return (schema.lower(), name.lower()) if self._folded else (schema, name)
