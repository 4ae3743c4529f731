"""What an administrator does and sees in every double that answers from a `Lake`."""

from typing import Any, Protocol

from tests.datasources.databases.contract import Engine
from tests.doubles.lake import Lake


class LakeDouble(Protocol):
    """A running double."""

    @property
    def lake(self) -> Lake:
        """Where its tables are."""


class LakeEngine(Engine):
    """The part of an engine that is about the tables below the double, not about its protocol."""

    double: LakeDouble

    def make_tables(self, schema: str, names: list[str]) -> None:
        self.double.lake.admin(*(f'CREATE TABLE {schema}."{name}" (a int)' for name in names))

    def drop_tables(self, schema: str) -> None:
        self.double.lake.admin(*(f'DROP TABLE {schema}."{name}"' for name in self.tables_in(schema)))

    def tables_in(self, schema: str) -> set[str]:
        (rows,) = self.double.lake.admin(
            f"SELECT table_name FROM duckdb_tables() WHERE schema_name = '{schema}' AND database_name = 'lake'"
        )
        return {name for (name,) in rows}

    def state(self) -> Any:
        return self.double.lake.admin("SELECT table_name FROM duckdb_tables() ORDER BY 1", "SELECT * FROM scratch.kept")

    def running(self, query: str) -> int:
        return sum(sql == query for sql, _ in self.double.lake.running.values())
