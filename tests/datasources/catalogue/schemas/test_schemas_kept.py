"""What downloads find is kept by versions: nothing new of what is as it was, and every change told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import func, select, update

from datasources.catalogue.schemas.announced import mark_sent, unsent_changes
from datasources.catalogue.schemas.content import read_table
from datasources.catalogue.schemas.keeper import Keeper
from datasources.catalogue.schemas.kept import Kept
from datasources.catalogue.schemas.reading.references import read_referrers
from datasources.catalogue.schemas.retention import remove_old_schemas
from datasources.catalogue.tables import DataSource, KeptEdge, KeptTable, SchemaChange, SchemaVersion
from datasources.databases.base import Column, ColumnEdge, ForeignKey, Lineage, LineageEdge, Origin, Table, TableName
from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.model.settings import Settings
from datasources.secrecy.scrubber import Scrubber
from tests.datasources.catalogue.kit import make_source
from tests.fixtures.catalogue import Sessions

SECRET = "s3cret-0f-the-source"
SOURCE = PgSource(name="x", options=PgOptions(host="h", user="u", dbname="d", password=SECRET))


def table(name: str, *columns: str, **more: Any) -> Table:
    """A table whose columns are given as `name type`."""
    made = [Column(name=text.split(" ", 1)[0], type=text.split(" ", 1)[1]) for text in columns]
    return Table(schema="shop", name=name, kind=more.pop("kind", "table"), columns=made, **more)


ORDERS = table("orders", "id integer", "total numeric(10,2)", primary_key=["id"], rows=100)
CUSTOMER = table("customer", "id integer", "name text")
TOTALS = table("totals", "total numeric", kind="view", definition="SELECT total FROM shop.orders")
FIRST = [CUSTOMER, ORDERS, TOTALS]


class Kit:
    """Downloads of one source."""

    def __init__(self, settings: Settings, sessions: Sessions, source_id: int) -> None:
        self.settings, self.sessions, self.source_id = settings, sessions, source_id

    def keeper(self, source: PgSource = SOURCE) -> Keeper:
        return Keeper(self.settings, source, self.source_id, 7, Scrubber([SECRET]))

    async def download(self, *tables: Table, source: PgSource = SOURCE) -> Kept:
        """A download of the schema that finds these tables."""
        download = await self.keeper(source).begin()
        assert download is not None
        for found in tables:
            download.add([found])
        kept = await download.keep()
        assert kept is not None
        return kept

    async def count(self, kind: Any) -> int:
        """How many rows of this kind the source has."""
        async with self.sessions() as session:
            counted = select(func.count()).select_from(kind).where(kind.source_id == self.source_id)
            return await session.scalar(counted) or 0

    async def changes(self) -> list[SchemaChange]:
        """Every change of the source, oldest first."""
        async with self.sessions() as session:
            chosen = select(SchemaChange).where(SchemaChange.source_id == self.source_id).order_by(SchemaChange.id)
            return list(await session.scalars(chosen))


@pytest.fixture
async def kit(catalogue_settings: Settings, sessions: Sessions, organization_id: int) -> Kit:
    """A source of which nothing is kept yet."""
    return Kit(catalogue_settings, sessions, await make_source(sessions, organization_id))


async def test_what_is_as_it_was_stores_nothing_new(kit: Kit) -> None:
    """In any order; an estimate that moves a little is left as it was, and one that moves much is written over."""
    first = await kit.download(*FIRST)
    assert (first.version, first.told, first.since) == (1, "", None)
    moved = structs.replace(ORDERS, rows=104)
    again = await kit.download(TOTALS, moved, CUSTOMER)
    assert (again.version, again.told) == (1, "")
    assert again.since is not None
    grown = await kit.download(TOTALS, structs.replace(ORDERS, rows=900), CUSTOMER)
    assert (grown.version, grown.told) == (1, "")
    assert [await kit.count(kind) for kind in (SchemaVersion, KeptTable, SchemaChange)] == [1, 3, 0]
    async with kit.sessions() as session:
        chosen = select(KeptTable.table_name, KeptTable.rows).where(KeptTable.source_id == kit.source_id)
        assert dict((await session.execute(chosen)).tuples().all()) == {"customer": None, "orders": 900, "totals": None}


async def test_each_change_is_told(kit: Kit) -> None:
    """Added, removed, renamed and changed tables: in the message, in the details, and one row each."""
    await kit.download(*FIRST, table("old", "a date", "b date"))
    changed = table("orders", "id bigint", "total numeric(10,2)", "paid boolean", primary_key=["id"])
    kept = await kit.download(
        changed,
        TOTALS,
        table("made", "x integer"),
        structs.replace(CUSTOMER, name="client"),
        kit_table_without_change(),
    )
    assert kept.told == " (2 new, 1 gone, 1 renamed, 1 changed)"
    assert kept.sentences == [
        "table shop.client was named shop.customer",
        "table shop.made was added",
        "table shop.more was added",
        "table shop.old was removed",
        "table shop.orders: column id was integer and is bigint, column paid was added",
    ]
    rows = {(row.change, row.table_name): row for row in await kit.changes()}
    assert {key: row.announced for key, row in rows.items()} == {
        ("renamed", "client"): True,
        ("added", "made"): False,
        ("added", "more"): False,
        ("removed", "old"): True,
        ("changed", "orders"): True,
    }
    assert rows["changed", "orders"].details["columns"][0]["facets"] == {"type": {"was": "integer", "became": "bigint"}}
    again = await kit.download(
        changed,
        TOTALS,
        table("made", "x integer"),
        structs.replace(CUSTOMER, name="client"),
        kit_table_without_change(),
    )
    assert (again.version, again.told) == (2, "")


def kit_table_without_change() -> Table:
    return table("more", "y integer")


async def test_what_queries_may_break_on_is_announced_once(kit: Kit, sessions: Sessions) -> None:
    """Each change has an event of the same id until Prefect has it; then it has none."""
    await kit.download(*FIRST)
    await kit.download(CUSTOMER, table("orders", "id text", "total numeric(10,2)"), TOTALS)
    async with sessions.begin() as session:
        (change,) = [found for found in await unsent_changes(session, 100) if found.source_id == kit.source_id]
        assert (change.change, change.schema, change.table) == ("changed", "shop", "orders")
        assert "column id was integer and is text" in change.sentence
        assert await mark_sent(session, [change], set()) == set()
        assert await mark_sent(session, [change], {change.event_id}) == {change.id}
        assert [found for found in await unsent_changes(session, 100) if found.source_id == kit.source_id] == []


async def test_what_an_edit_of_the_source_hides_is_not_announced(kit: Kit) -> None:
    """Its lists leave a table out: that is told, but nobody is alarmed; what is dropped after that is announced."""
    await kit.download(*FIRST)
    narrower = structs.replace(SOURCE, catalog_exclude_list="shop.customer")
    assert (await kit.download(ORDERS, TOTALS, source=narrower)).told == " (1 gone)"
    assert (await kit.download(ORDERS, source=narrower)).told == " (1 gone)"
    assert [row.announced for row in await kit.changes()] == [False, True]


async def test_a_view_whose_text_is_not_there_this_time_is_as_it_was(kit: Kit) -> None:
    """Its table is being changed: that is no change of the view."""
    await kit.download(*FIRST)
    kept = await kit.download(CUSTOMER, ORDERS, structs.replace(TOTALS, definition=None))
    assert (kept.version, kept.told) == (1, "")
    kept = await kit.download(CUSTOMER, ORDERS, structs.replace(TOTALS, definition="SELECT 1 AS total"))
    assert kept.sentences == ["view shop.totals: its definition changed"]


async def test_names_of_any_form(kit: Kit) -> None:
    """Too long for an index, with NUL and halves of characters, or with the source's own secret in them."""
    wild = [
        table("x" * 5000, "a integer"),
        table("x" * 4999 + "y", "b integer"),
        table("nul\0 and \ud800", "c\0 integer", comment="\0" * 5000),
        table(f"says {SECRET}", f"{SECRET} integer", definition=f"SELECT '{SECRET}'"),
        table("wide", *(f"c{number} integer" for number in range(1600))),
    ]
    first, again = await kit.download(*wild), await kit.download(*wild)
    assert (first.version, again.version) == (1, 1)
    async with kit.sessions() as session:
        rows = list(await session.scalars(select(KeptTable).where(KeptTable.source_id == kit.source_id)))
    assert len(rows) == 5
    said = " ".join([repr(read_table(row.content)) + row.searched + row.table_name for row in rows])
    assert SECRET not in said
    assert "says ***" in said


async def test_a_download_beside_another_is_not_stored(kit: Kit) -> None:
    """What it was compared with is no longer the newest version; the next one is compared anew."""
    slow = await kit.keeper().begin()
    assert slow is not None
    await kit.download(*FIRST)
    slow.add([CUSTOMER])
    assert await slow.keep() is None
    assert await kit.count(KeptTable) == 3


async def test_lineage(kit: Kit) -> None:
    """Edges are versions of their own; a changed column is a changed edge."""
    edge = LineageEdge(
        source=TableName("shop", "orders"),
        target=TableName("shop", "totals"),
        columns=["total"],
        column_edges=[ColumnEdge("total", "total")],
    )
    other = structs.replace(edge, source=TableName("shop", "customer"))
    for edges, told, version in (
        ([edge], "", 1),
        ([edge], "", 1),
        ([edge, other], " (1 new)", 2),
        ([structs.replace(edge, columns=["id", "total"])], " (1 gone, 1 changed)", 3),
    ):
        kept = await kit.keeper().keep_lineage(Lineage(edges=edges), 0)
        assert kept is not None
        assert (kept.told, kept.version) == (told, version)
    assert await kit.count(KeptEdge) == 3
    assert not any(row.announced for row in await kit.changes())


async def test_an_edge_of_a_query_stays_while_its_tables_do(kit: Kit) -> None:
    """A server's record of queries reaches some days back, and says nothing of what was before."""
    await kit.download(*FIRST)
    edge = LineageEdge(
        source=TableName("shop", "orders"), target=TableName("shop", "customer"), origin=Origin.query_history
    )
    assert await kit.keeper().keep_lineage(Lineage(edges=[edge]), 0)
    kept = await kit.keeper().keep_lineage(Lineage(edges=[]), 0)
    assert kept is not None
    assert kept.told == ""
    await kit.download(CUSTOMER)
    kept = await kit.keeper().keep_lineage(Lineage(edges=[]), 0)
    assert kept is not None
    assert kept.told == " (1 gone)"


async def test_retention(kit: Kit, sessions: Sessions) -> None:
    """What was before goes when it is old; what is there stays, and so does what was not announced yet."""
    await kit.download(*FIRST)
    await kit.download(CUSTOMER, TOTALS, structs.replace(ORDERS, comment="Bought"))
    await kit.download(CUSTOMER, TOTALS)
    await kit.keeper().keep_lineage(Lineage(edges=[]), 0)
    assert await remove_old_schemas(sessions, datetime.now(UTC) - timedelta(days=1)) == 0
    await remove_old_schemas(sessions, datetime.now(UTC) + timedelta(days=1))
    counts = [await kit.count(kind) for kind in (SchemaVersion, KeptTable, KeptEdge, SchemaChange)]
    assert counts == [2, 2, 0, 1]
    assert [row.change for row in await kit.changes()] == ["removed"]
    async with sessions.begin() as session:
        removed = update(DataSource).where(DataSource.id == kit.source_id)
        await session.execute(removed.values(deleted_at=datetime.now(UTC)))
    await remove_old_schemas(sessions, datetime.now(UTC) + timedelta(days=1))
    assert [await kit.count(kind) for kind in (SchemaVersion, KeptTable)] == [0, 0]


async def test_a_catalogue_that_fails_is_no_verdict(kit: Kit) -> None:
    """The step goes on without it."""
    lost = Keeper(Settings(database_url="postgresql://127.0.0.1:1/x"), SOURCE, kit.source_id, 7, Scrubber([]))
    assert await lost.begin() is None
    assert await lost.keep_lineage(Lineage(edges=[]), 0) is None


async def test_who_refers_to_a_table(kit: Kit) -> None:
    """Every table whose foreign key leads there now, from another schema too; not one whose name only looks like it."""

    def refers(name: str, target: str, schema: str = "shop") -> Table:
        key = ForeignKey(columns=["of"], table=TableName("shop", target), referenced=["id"])
        return structs.replace(table(name, "of integer", foreign_keys=[key]), schema=schema)

    await kit.download(CUSTOMER, refers("orders", "customer"), refers("customer_orders", "customer_2"))
    await kit.download(CUSTOMER, refers("invoices", "customer", "books"), ORDERS)
    async with kit.sessions() as session:
        found = await read_referrers(session, kit.source_id, TableName("shop", "customer"))
        assert [(str(owner), key.columns, key.referenced) for owner, key in found] == [
            ("books.invoices", ["of"], ["id"])
        ]
        assert await read_referrers(session, kit.source_id, TableName("shop", "nothing")) == []
