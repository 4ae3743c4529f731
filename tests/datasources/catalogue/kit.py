"""Sources in the catalogue that the tests beside it share."""

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from datasources.catalogue.tables import DataSource

_names = iter(range(1_000_000))


async def make_source(sessions: async_sessionmaker[AsyncSession], organization_id: int) -> int:
    """A source of this organization; answers its id."""
    async with sessions.begin() as session:
        source = DataSource(
            organization_id=organization_id, name=f"kept {next(_names)}", type="pg", options={}, fields={}
        )
        session.add(source)
        await session.flush()
        return source.id
