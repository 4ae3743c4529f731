"""How much a version holds: kept beside it, so that an overview reads no table."""

from collections.abc import Iterable

from msgspec import Struct, field

from datasources.databases.base import Table

VIEWS = frozenset({"view", "materialized view"})
"""Kinds of table that count as a view."""
SCHEMAS_KEPT = 2_000
"""Schemas that are counted one by one; the others count in the sums only."""


class SchemaFigures(Struct, omit_defaults=True):
    """One schema of a source."""

    tables: int = 0
    """Views left out."""
    views: int = 0
    columns: int = 0


class Figures(Struct, omit_defaults=True):
    """All of a source's schema."""

    tables: int = 0
    """Views among them."""
    columns: int = 0
    schemas: dict[str, SchemaFigures] = field(default_factory=dict)

    def add(self, batch: Iterable[Table]) -> None:
        """Count these tables."""
        for table in batch:
            columns = len(table.columns)
            self.tables += 1
            self.columns += columns
            schema = self.schemas.get(table.schema)
            if schema is None:
                if len(self.schemas) >= SCHEMAS_KEPT:
                    continue
                schema = self.schemas[table.schema] = SchemaFigures()
            schema.columns += columns
            if table.kind in VIEWS:
                schema.views += 1
            else:
                schema.tables += 1
