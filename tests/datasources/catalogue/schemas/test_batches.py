"""A long list is read batch by batch, each item once, whatever its length."""

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from datasources.catalogue.schemas.reading.batches import in_batches


@pytest.mark.parametrize("length", range(8))
async def test_every_item_once(length: int) -> None:
    """No batch is larger than asked for, and none is empty."""

    async def read(session: AsyncSession, size: int, after: int | None) -> list[int]:
        first = 0 if after is None else after + 1
        return list(range(length))[first : first + size]

    found = [batch async for batch in in_batches(async_sessionmaker[AsyncSession](), read, lambda item: item, 3)]
    assert [item for batch in found for item in batch] == list(range(length))
    assert all(0 < len(batch) <= 3 for batch in found)
