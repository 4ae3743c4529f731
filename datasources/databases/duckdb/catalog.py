"""Tables, keys, comments and views of a file, in a constant number of queries."""

from typing import Any

from datasources.databases.base import Column, ForeignKey, Lineage, Table, TableName
from datasources.databases.view_lineage import View, lineage_of

OURS = "NOT internal AND NOT temporary AND database_name = current_database()"
MEMBERS = f"""
SELECT schema_name, table_name, 'table', comment, estimated_size, NULL FROM duckdb_tables() WHERE {OURS}
UNION ALL SELECT schema_name, view_name, 'view', comment, NULL, sql FROM duckdb_views() WHERE {OURS}
ORDER BY 1, 2
"""  # noqa: S608 -- put together from constants
COLUMNS = """
SELECT schema_name, table_name,
       list((column_name, data_type, is_nullable, comment, column_default) ORDER BY column_index)
FROM duckdb_columns() WHERE NOT internal AND database_name = current_database() GROUP BY ALL
"""
KEYS = """
SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table, referenced_column_names
FROM duckdb_constraints()
WHERE database_name = current_database() AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY') ORDER BY constraint_index
"""
VIEWS = f"SELECT schema_name, view_name, sql FROM duckdb_views() WHERE {OURS} ORDER BY 1, 2"  # noqa: S608 -- constants

Name = tuple[str, str]


class Catalog:
    """All that the file has, read at once: it lies in memory over there as well."""

    def __init__(self, connection: Any) -> None:
        self.members: list[tuple[Any, ...]] = connection.execute(MEMBERS).fetchall()
        self._columns: dict[Name, list[Any]] = {
            (schema, table): columns for schema, table, columns in connection.execute(COLUMNS).fetchall()
        }
        self._keys: dict[Name, list[tuple[Any, ...]]] = {}
        for schema, table, *key in connection.execute(KEYS).fetchall():
            self._keys.setdefault((schema, table), []).append(tuple(key))

    def table(self, member: tuple[Any, ...]) -> Table:
        """One of `members` with its columns and keys. A reference never leaves its schema."""
        schema, name, kind, comment, rows, definition = member
        keys = self._keys.get((schema, name), [])
        return Table(
            schema=schema,
            name=name,
            kind=kind,
            comment=comment,
            rows=rows,
            columns=[
                Column(name=column, type=type_, nullable=nullable, default=default, comment=said)
                for column, type_, nullable, said, default in self._columns.get((schema, name), [])
            ],
            primary_key=next((own for kind, own, _, _ in keys if kind == "PRIMARY KEY"), []),
            foreign_keys=[
                ForeignKey(columns=own, table=TableName(schema, table), referenced=there)
                for kind, own, table, there in keys
                if kind == "FOREIGN KEY"
            ],
            definition=definition,
        )

    @property
    def columns(self) -> dict[Name, list[str]]:
        """The names of the columns of each table and view."""
        return {name: [column[0] for column in columns] for name, columns in self._columns.items()}


def read_lineage(connection: Any) -> Lineage:
    """What each view reads, by its definition: DuckDB's own records of dependencies leave views out."""
    views = [View(*row) for row in connection.execute(VIEWS).fetchall()]
    return lineage_of(views, Catalog(connection).columns, "duckdb")
