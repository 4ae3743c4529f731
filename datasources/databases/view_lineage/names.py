"""Names of tables and columns, as the server writes them and as a definition may."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import cast

from sqlglot import exp

Name = tuple[str, str]
"""Schema and table."""


class KnownNames:
    """The tables and columns that there are."""

    def __init__(self, columns: Mapping[Name, Iterable[str]], *, folded: bool, database: str) -> None:
        """`folded`: names that differ only in case are the same. `database`: whose tables these are, if it matters."""
        self.folded = folded
        self._database = database
        listed = {name: list(names) for name, names in columns.items()}
        self._tables = {self.fold(*name): name for name in listed}
        self._columns = {
            self.fold(*name): {self.fold(column)[0]: column for column in names} for name, names in listed.items()
        }
        counted = Counter(self.fold(*name) for name in listed)
        self._doubtful = {
            self.fold(*name)
            for name, names in listed.items()
            if counted[self.fold(*name)] > 1 or len(self._columns[self.fold(*name)]) < len(names)
        }
        self.schema: dict[str, object] = {}
        """As sqlglot wants it: schema, table, column, type; types do not matter here, and no table may be empty."""
        for (schema, table), names in self._columns.items():
            if names:
                tables = cast(dict[str, object], self.schema.setdefault(schema, {}))
                tables[table] = dict.fromkeys(names, "text")

    def fold(self, *names: str) -> tuple[str, ...]:
        """Names as they are compared."""
        return tuple(name.lower() for name in names) if self.folded else names

    def is_elsewhere(self, table: exp.Table) -> bool:
        """Whether a definition names this table in another database."""
        return bool(self._database and table.catalog) and self.fold(table.catalog) != self.fold(self._database)

    def is_doubtful(self, schema: str, table: str) -> bool:
        """Whether folding has made one name of two: of tables, or of columns of this table."""
        return self.fold(schema, table) in self._doubtful

    def table(self, schema: str, table: str) -> Name:
        """The table as the server writes it, or as it is written here if the server does not show it."""
        return self._tables.get(self.fold(schema, table), (schema, table))

    def columns_of(self, schema: str, table: str) -> list[str]:
        """Its columns in their order; none of one that the server does not show."""
        return list(self._columns.get(self.fold(schema, table), {}).values())

    def column(self, schema: str, table: str, column: str) -> str:
        """The column as the server writes it, or as it is written here."""
        return self._columns.get(self.fold(schema, table), {}).get(self.fold(column)[0], column)
