"""The sources of an organization: all of them, or a page of those that were searched for."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from datasources.catalogue.tables import DataSource


class Search(Struct, frozen=True, kw_only=True):
    """Which sources, in which order, and which page of them; None leaves a filter out."""

    text: str | None = None
    """Part of the name, in any case."""
    type: str | None = None
    """A published word."""
    status: str | None = None
    sort_by: str = "id"
    """A column of `DataSource`; rows without a value come last."""
    descending: bool = False
    page: int = 1
    page_size: int = 20


async def list_sources(session: AsyncSession, organization_id: int) -> Sequence[DataSource]:
    """Every source of the organization, oldest first."""
    return (await session.scalars(_sources(organization_id).order_by(DataSource.id))).all()


async def search_sources(
    session: AsyncSession, organization_id: int, search: Search
) -> tuple[Sequence[DataSource], int]:
    """One page of what was found, and how many were found in all."""
    chosen = _sources(organization_id)
    if search.text:
        chosen = chosen.where(DataSource.name.icontains(_storable(search.text), autoescape=True))
    if search.type:
        chosen = chosen.where(DataSource.type == _storable(search.type))
    if search.status:
        chosen = chosen.where(DataSource.status == search.status)
    total = await session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    return (await session.scalars(_page(chosen, search))).all(), total


def _sources(organization_id: int) -> Select[tuple[DataSource]]:
    return select(DataSource).where(DataSource.organization_id == organization_id, DataSource.deleted_at.is_(None))


def _page(chosen: Select[tuple[DataSource]], search: Search) -> Select[tuple[DataSource]]:
    column = getattr(DataSource, search.sort_by)
    by = column.desc().nulls_last() if search.descending else column.asc().nulls_last()
    return chosen.order_by(by, DataSource.id).limit(search.page_size).offset((search.page - 1) * search.page_size)


def _storable(text: str) -> str:
    """PostgreSQL has no NUL in a text, and refuses one in a question."""
    return text.replace("\0", "")
