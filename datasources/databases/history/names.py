"""What names mean where a schema is all that stands before a table."""

from collections.abc import Iterable

from datasources.databases.base import TableName
from datasources.databases.history.edges import AmbiguousName, Name, Written
from datasources.databases.history.statements import Named


class SchemaNames:
    """Names of tables in schemas; one without is in the schema of the session. `folded`: case makes no difference."""

    def __init__(self, known: Iterable[Name], *, folded: bool) -> None:
        self._folded = folded
        self._tables = {self._key(*name): TableName(*name) for name in known}

    def find(self, named: Named, statement: Written) -> TableName | None:
        """The table. Raises `AmbiguousName` where the schema of the session is not known."""
        schema = named.schema or statement.schema
        if not schema:
            raise AmbiguousName
        return None if named.catalog else self._tables.get(self._key(schema, named.name))

    def _key(self, schema: str, name: str) -> Name:
        return (schema.lower(), name.lower()) if self._folded else (schema, name)
