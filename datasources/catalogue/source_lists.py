"""The sources of an organization: all of them, or a page of those that were searched for.

A list carries no details of what tests found, and does not even load them: a thousand sources have too many.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from sqlalchemy import BigInteger, ColumnElement, Select, case, exists, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer
from sqlalchemy.orm.attributes import set_committed_value

from datasources.catalogue.tables import DataSource, Job

WITHOUT_DETAILS = literal_column(
    """CASE WHEN data_sources.last_test IS NOT NULL THEN jsonb_set(data_sources.last_test, '{results}', coalesce(
        (SELECT jsonb_agg(step #- '{result,details}' ORDER BY number)
         FROM jsonb_array_elements(data_sources.last_test->'results') WITH ORDINALITY AS found(step, number)), '[]'))
    END""",
    JSONB(none_as_null=True),
)
"""A source's `last_test`, but for what each step has found in detail."""

UNDER_TEST = exists().where(Job.source_id == DataSource.id, Job.ended_at.is_(None), Job.started_at.is_not(None))
SHOWN_STATUS: ColumnElement[str] = case(
    (UNDER_TEST, "testing"),
    (DataSource.fields["is_paused"].as_boolean(), "maintenance"),
    else_=DataSource.status,
)
"""The status in the words of the hyphen API: what is going on comes before what the last checks have found."""


class Search(Struct, frozen=True, kw_only=True):
    """Which sources, in which order, and which page of them; None leaves a filter out."""

    text: str | None = None
    """Part of the name or of the description, in any case."""
    type: str | None = None
    """A published word."""
    status: str | None = None
    """As `shown_statuses` has it."""
    workspace: int | None = None
    """A workspace of the hyphen API; a source without one is in that of its organization."""
    sort_by: str = "created_at"
    """A column of `DataSource`; rows without a value come last."""
    descending: bool = True
    page: int = 1
    page_size: int = 20


async def list_sources(
    session: AsyncSession, organization_id: int, *, limit: int | None = None, offset: int = 0
) -> Sequence[DataSource]:
    """Sources of the organization, oldest first: all of them without a limit."""
    return await _loaded(session, _sources(organization_id).order_by(DataSource.id).limit(limit).offset(offset))


async def search_sources(
    session: AsyncSession, organization_id: int, search: Search
) -> tuple[Sequence[DataSource], int]:
    """One page of what was found, and how many were found in all."""
    chosen = _sources(organization_id)
    if search.text:
        places = DataSource.name, DataSource.fields["description"].astext
        chosen = chosen.where(or_(*(place.icontains(_storable(search.text), autoescape=True) for place in places)))
    if search.type:
        chosen = chosen.where(DataSource.type == _storable(search.type))
    if search.workspace is not None:
        workspace = func.coalesce(
            DataSource.dialect["workspace_id"].astext.cast(BigInteger), DataSource.organization_id
        )
        chosen = chosen.where(workspace == search.workspace)
    if search.status:
        chosen = chosen.where(SHOWN_STATUS.in_([search.status]))
    total = await session.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    return await _loaded(session, _page(chosen, search)), total


async def shown_statuses(session: AsyncSession, sources: Iterable[DataSource]) -> dict[int, str]:
    """By id: `testing` while a test runs, `maintenance` while the source is paused, and else how it stands."""
    ids = [source.id for source in sources]
    found = await session.execute(select(DataSource.id, SHOWN_STATUS).where(DataSource.id.in_(ids)))
    return dict(found.tuples().all())


async def _loaded(session: AsyncSession, chosen: Select[tuple[DataSource]]) -> Sequence[DataSource]:
    """These sources, with a `last_test` without details."""
    rows = await session.execute(chosen.add_columns(WITHOUT_DETAILS).options(defer(DataSource.last_test)))
    sources = []
    for source, last_test in rows:
        set_committed_value(source, "last_test", last_test)
        sources.append(source)
    return sources


def _sources(organization_id: int) -> Select[tuple[DataSource]]:
    return select(DataSource).where(DataSource.organization_id == organization_id, DataSource.deleted_at.is_(None))


def _page(chosen: Select[tuple[DataSource]], search: Search) -> Select[tuple[DataSource]]:
    column = getattr(DataSource, search.sort_by)
    by = column.desc().nulls_last() if search.descending else column.asc().nulls_last()
    then = DataSource.id.desc() if search.descending else DataSource.id.asc()
    return chosen.order_by(by, then).limit(search.page_size).offset((search.page - 1) * search.page_size)


def _storable(text: str) -> str:
    """PostgreSQL has no NUL in a text, and refuses one in a question."""
    return text.replace("\0", "")
