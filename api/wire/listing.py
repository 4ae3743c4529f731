"""Lists with pages, a filter and an order."""

from msgspec import Struct
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.wire.schemas import Pagination, SourcePage
from api.wire.source_details import details_of
from datasources.catalogue.tables import DataSource
from datasources.databases import ALIASES


class Order(Struct, frozen=True):
    """Which page, in which order."""

    sort_by: str
    descending: bool
    page: int
    page_size: int


async def page_of(
    session: AsyncSession, organization_id: int, order: Order, search: str | None, kind: str | None, status: str | None
) -> SourcePage:
    """One page of an organization's sources."""
    chosen = select(DataSource).where(DataSource.organization_id == organization_id, DataSource.deleted_at.is_(None))
    if search:
        chosen = chosen.where(DataSource.name.icontains(search.replace("\0", ""), autoescape=True))
    if kind:
        chosen = chosen.where(DataSource.type == ALIASES.get(kind, kind.replace("\0", "")))
    if status:
        chosen = chosen.where(DataSource.status == status)
    total = await session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    rows = await session.scalars(_ordered(chosen, order))
    return SourcePage(
        items=[details_of(row) for row in rows],
        pagination=Pagination(
            page=order.page,
            page_size=order.page_size,
            total_items=total,
            total_pages=-(-total // order.page_size),
        ),
    )


def _ordered(chosen: Select[tuple[DataSource]], order: Order) -> Select[tuple[DataSource]]:
    column = getattr(DataSource, order.sort_by)
    by = column.desc().nulls_last() if order.descending else column.asc().nulls_last()
    return chosen.order_by(by, DataSource.id).limit(order.page_size).offset((order.page - 1) * order.page_size)
