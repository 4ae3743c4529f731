"""Names of tables and columns, as the server writes them and as a definition may write them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import cast

from sqlglot import exp

Name = tuple[str, str]
"""Schema and table."""


class KnownNames:
    """The tables and columns that the server shows."""

    def __init__(self, columns: Mapping[Name, Iterable[str]], *, folded: bool, database: str) -> None:
        """`folded`: the server ignores the case of names. `database`: where these tables are, if that matters."""
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
        """As sqlglot expects it: schema, table, column, type. Types do not matter here, and no table may be empty."""
        for (schema, table), names in self._columns.items():
            if names:
                tables = cast(dict[str, object], self.schema.setdefault(schema, {}))
                tables[table] = dict.fromkeys(names, "text")

    def fold(self, *names: str) -> tuple[str, ...]:
        """Names in the form in which they are compared."""
        return tuple(name.lower() for name in names) if self.folded else names

    def is_elsewhere(self, table: exp.Table) -> bool:
        """Whether a definition names this table in another database."""
        return bool(self._database and table.catalog) and self.fold(table.catalog) != self.fold(self._database)

    def is_doubtful(self, schema: str, table: str) -> bool:
        """Whether folding has merged this table's name with another one, or two of its columns."""
        return self.fold(schema, table) in self._doubtful

    def table(self, schema: str, table: str) -> Name:
        """The table as the server writes it, or as given if the server does not show it."""
        return self._tables.get(self.fold(schema, table), (schema, table))

    def columns_of(self, schema: str, table: str) -> list[str]:
        """Its columns in order; none if the server does not show the table."""
        return list(self._columns.get(self.fold(schema, table), {}).values())

    def column(self, schema: str, table: str, column: str) -> str:
        """The column as the server writes it, or as given if the server does not show it."""
        return self._columns.get(self.fold(schema, table), {}).get(self.fold(column)[0], column)
