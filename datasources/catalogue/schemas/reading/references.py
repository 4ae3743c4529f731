"""Which tables of a source refer to one of them by a foreign key: it is kept with the table that refers."""

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.schemas.content import raw_of
from datasources.catalogue.schemas.reading.overview import AT_ONCE
from datasources.catalogue.tables import KeptTable
from datasources.databases.base import ForeignKey, Table, TableName

MOST_TABLES = 5_000
"""That are looked at for one answer; a person waits for it."""


async def read_referrers(session: AsyncSession, source_id: int, name: TableName) -> list[tuple[TableName, ForeignKey]]:
    """Foreign keys that lead to this table, each with the table that has it, by name.

    Of a source with more than `MOST_TABLES` tables only the first ones, in the order of their names, are looked at.
    """
    chosen = (
        select(KeptTable.content)
        .where(KeptTable.source_id == source_id, KeptTable.until.is_(None))
        .order_by(KeptTable.schema_name, KeptTable.table_name)
        .limit(MOST_TABLES)
        .execution_options(yield_per=AT_ONCE)
    )
    wanted = msgspec.json.encode(name.name)
    found: list[tuple[TableName, ForeignKey]] = []
    async for (content,) in await session.stream(chosen):
        raw = raw_of(content)
        if b'"foreign_keys"' not in raw or wanted not in raw:
            continue
        table = msgspec.json.decode(raw, type=Table)
        own = TableName(table.schema, table.name)
        found += [(own, key) for key in table.foreign_keys if key.table == name]
    return found
