"""What is kept of schemas and lineage, by HTTP on the API alone."""

import json
from typing import Any

import httpx
import msgspec
import pytest

from api.wire.streams import write_cursor
from datasources.catalogue.schemas.keeper import Keeper
from datasources.databases.base import Column, ColumnEdge, ForeignKey, Lineage, LineageEdge, Origin, Table, TableName
from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.secrecy.scrubber import Scrubber
from tests.api.routes.sources import OPTIONS, SOURCES, register
from tests.fixtures.api import Client

PAGES = "/api/v1/data-sources"
SOURCE = PgSource(name="x", options=PgOptions(host="h", user="u", dbname="d"))
CUSTOMER = Table(
    schema="shop",
    name="customer",
    kind="table",
    columns=[Column(name="id", type="integer", nullable=False), Column(name="name", type="text", default="'x'::text")],
    primary_key=["id"],
    rows=12,
)
ORDERS = Table(
    schema="shop",
    name="orders",
    kind="partitioned table",
    columns=[
        Column(name="id", type="bigint", nullable=False),
        Column(name="customer_id", type="integer", comment="Who bought it"),
    ],
    primary_key=["id"],
    foreign_keys=[ForeignKey(columns=["customer_id"], table=TableName("shop", "customer"), referenced=["id"])],
    comment="What was bought: 100 %",
)
TOTALS = Table(
    schema="reports",
    name="totals",
    kind="materialized view",
    columns=[Column(name="buyer", type="integer")],
    definition="SELECT customer_id AS buyer FROM shop.orders",
)


def edge(source: str, target: str, *pairs: str) -> LineageEdge:
    """An edge between `schema.table` and `schema.table`, with pairs like `a>b`."""
    made = [ColumnEdge(*pair.split(">")) for pair in pairs]
    columns = [pair.source for pair in made]
    ends = (TableName(*source.split(".")), TableName(*target.split(".")))
    return LineageEdge(source=ends[0], target=ends[1], columns=columns, column_edges=made)


EDGES = [
    edge("shop.orders", "reports.totals", "customer_id>buyer"),
    edge("reports.totals", "reports.best", "buyer>winner"),
    edge("reports.best", "reports.last", "winner>winner"),
    edge("shop.customer", "reports.best", "name>title"),
]


class Kept:
    """A source with what is kept of it."""

    def __init__(self, client: Client, source_id: int) -> None:
        self.client, self.id = client, source_id
        settings = client.app.state.settings
        self.keeper = Keeper(settings, SOURCE, source_id, 7, Scrubber([]))

    async def download(self, *tables: Table) -> None:
        download = await self.keeper.begin()
        assert download is not None
        download.add(tables)
        assert await download.keep() is not None

    async def get(self, path: str, **query: Any) -> Any:
        """The data of an answer."""
        answer = await self.client.get(f"{PAGES}/{path}", params=query)
        assert answer.status_code == 200, answer.text
        if query.get("format") == "ndjson":
            assert answer.headers["content-type"].startswith("application/x-ndjson")
            return [json.loads(line) for line in answer.text.splitlines()]
        found = answer.json()
        assert found["success"] is True
        return found["data"]


@pytest.fixture
async def kept(lone_api: Client, request: pytest.FixtureRequest) -> Kept:
    """A source of its own, with three tables and a lineage."""
    found = Kept(lone_api, await register(lone_api, request.node.name))
    await found.download(CUSTOMER, ORDERS, TOTALS)
    await found.keeper.keep_lineage(Lineage(edges=EDGES), 0)
    return found


async def test_schemas_as_published(kept: Kept) -> None:
    """Every key of the published answer, by schema and in the order of names."""
    answer = await kept.client.get(f"{PAGES}/{kept.id}/schemas")
    assert answer.json()["message"] == "Schema information retrieved successfully"
    found = answer.json()["data"]
    assert [(s["schema_name"], [t["table_name"] for t in s["tables"]]) for s in found["schemas"]] == [
        ("reports", ["totals"]),
        ("shop", ["customer", "orders"]),
    ]
    customer, orders = found["schemas"][1]["tables"]
    assert [table["table_type"] for table in (customer, orders)] == ["BASE TABLE", "BASE TABLE"]
    assert (customer["row_count"], orders["row_count"]) == (12, None)
    assert orders["columns"][1] == {
        "column_name": "customer_id",
        "column_type": "integer",
        "column_kind": "integer",
        "column_position": 2,
        "is_nullable": True,
        "is_primary_key": False,
        "is_foreign_key": True,
        "default_value": None,
        "column_comment": "Who bought it",
    }
    assert customer["columns"][1]["default_value"] == "'x'::text"
    assert customer["discovered_at"] == found["last_discovered_at"]
    assert found["last_discovered_at"].endswith("Z")


async def test_schemas_are_chosen(kept: Kept) -> None:
    """By schema, by table, without columns; what is not there is an empty list."""
    found = await kept.get(f"{kept.id}/schemas", schema_name="shop", table_name="orders", include_columns=False)
    assert [[t["table_name"] for t in s["tables"]] for s in found["schemas"]] == [["orders"]]
    assert found["schemas"][0]["tables"][0]["columns"] == []
    assert (await kept.get(f"{kept.id}/schemas", schema_name="none\0"))["schemas"] == []
    lines = await kept.get(f"{kept.id}/schemas", format="ndjson")
    assert [(line["schema_name"], line["table_name"]) for line in lines] == [
        ("reports", "totals"),
        ("shop", "customer"),
        ("shop", "orders"),
    ]


async def test_pages_are_of_one_version(kept: Kept) -> None:
    """A download between two pages changes nothing of the list that was begun."""
    first = await kept.get(f"{kept.id}/schemas", limit=2)
    await kept.download(TOTALS)
    second = await kept.get(f"{kept.id}/schemas", limit=2, cursor=first["next_cursor"])
    pages = [t["table_name"] for page in (first, second) for s in page["schemas"] for t in s["tables"]]
    assert pages == ["totals", "customer", "orders"]
    assert second["next_cursor"] is None
    assert [s["schema_name"] for s in (await kept.get(f"{kept.id}/schemas", limit=2))["schemas"]] == ["reports"]


async def test_a_source_of_which_nothing_is_kept(lone_api: Client) -> None:
    """Empty answers, and no table."""
    source = await register(lone_api, "Never downloaded")
    kept = Kept(lone_api, source)
    for query in ({}, {"limit": 5}):
        found = await kept.get(f"{source}/schemas", **query)
        assert (found["schemas"], found["last_discovered_at"]) == ([], None)
    assert await kept.get(f"{source}/schemas", format="ndjson") == []
    assert (await kept.get(f"{source}/lineage"))["edges"] == []
    assert (await kept.get(f"{source}/schema-changes"))["changes"] == []
    query = {"schema_name": "shop", "table_name": "orders"}
    assert (await lone_api.get(f"{PAGES}/{source}/table", params=query)).status_code == 404


async def test_discovery_from_what_is_kept(kept: Kept) -> None:
    """Figures of each schema; views apart from tables."""
    answer = await kept.client.post(f"{PAGES}/{kept.id}/discover-schema")
    assert answer.status_code == 200, answer.text
    assert answer.json()["message"] == "Schema discovery completed"
    found = answer.json()["data"]
    assert found["schemas_discovered"] == [
        {"schema_name": "reports", "tables_count": 0, "views_count": 1},
        {"schema_name": "shop", "tables_count": 2, "views_count": 0},
    ]
    assert (found["total_tables"], found["total_columns"]) == (3, 5)
    assert isinstance(found["discovery_duration_ms"], int)
    answer = await kept.client.post(f"{PAGES}/{kept.id}/discover-schema", params={"schema_name": "shop"})
    found = answer.json()["data"]
    assert (len(found["schemas_discovered"]), found["total_tables"], found["total_columns"]) == (1, 2, 4)


async def test_a_source_whose_schema_is_not_kept(lone_api: Client) -> None:
    """There is nothing to discover."""
    source = await register(lone_api, "Not indexed", disable_schema_indexing=True)
    answer = await lone_api.post(f"{PAGES}/{source}/discover-schema")
    assert (answer.status_code, answer.json()["error_code"]) == (409, "CONFLICT")


async def test_one_table(kept: Kept) -> None:
    """Its keys, its text, and its lineage both ways."""
    found = await kept.get(f"{kept.id}/table", schema_name="reports", table_name="totals")
    assert found["definition"] == TOTALS.definition
    assert [(e["source_table"], e["target_table"]) for e in found["upstream"]] == [("orders", "totals")]
    assert [(e["source_table"], e["target_table"]) for e in found["downstream"]] == [("totals", "best")]
    found = await kept.get(f"{kept.id}/table", schema_name="shop", table_name="orders")
    assert found["primary_key"] == ["id"]
    assert found["foreign_keys"][0]["referenced_columns"] == ["id"]


async def test_search(kept: Kept) -> None:
    """In names and comments, any case, all words; a percent sign means itself; a page leads on."""
    only = {"data_source_id": kept.id}
    for words, tables in (
        ("CUSTOMER", ["customer", "orders"]),
        ("who bought", ["orders"]),
        ("shop bought", ["orders"]),
        ("100 %", ["orders"]),
        ("%", ["orders"]),
        ("buyer", ["totals"]),
        ("nothing like it", []),
    ):
        found = (await kept.get("schema-search", q=words, **only))["tables"]
        assert [hit["table_name"] for hit in found] == tables, words
    hit = (await kept.get("schema-search", q="customer_id", **only))["tables"][0]
    assert hit["matches"] == [{"field": "column_name", "text": "customer_id", "column_name": "customer_id"}]
    first = await kept.get("schema-search", q="i", limit=1, **only)
    rest = await kept.get("schema-search", q="i", limit=5, cursor=first["next_cursor"], **only)
    names = [hit["table_name"] for page in (first, rest) for hit in page["tables"]]
    assert names == [hit["table_name"] for hit in await kept.get("schema-search", q="i", format="ndjson", **only)]
    assert len(names) == 2


async def test_changes(kept: Kept) -> None:
    """Newest first, filtered, a page at a time, or as lines."""
    await kept.download(CUSTOMER, TOTALS)
    await kept.keeper.keep_lineage(Lineage(edges=EDGES[:3]), 0)
    changes = (await kept.get(f"{kept.id}/schema-changes"))["changes"]
    assert [(c["part"], c["change"], c["table_name"], c["announced"]) for c in changes] == [
        ("lineage", "removed", "best", False),
        ("schema", "removed", "orders", True),
    ]
    first = await kept.get(f"{kept.id}/schema-changes", limit=1)
    second = await kept.get(f"{kept.id}/schema-changes", limit=1, cursor=first["next_cursor"])
    assert [*first["changes"], *second["changes"]] == changes
    assert second["next_cursor"] is None
    assert (await kept.get(f"{kept.id}/schema-changes", part="schema", change="removed"))["changes"] == changes[1:]
    assert (await kept.get(f"{kept.id}/schema-changes", since="2999-01-01T00:00:00"))["changes"] == []
    assert await kept.get(f"{kept.id}/schema-changes", format="ndjson") == changes


async def test_lineage_around_a_table(kept: Kept) -> None:
    """To a depth, one way or both, and by one column."""
    root = {"schema_name": "reports", "table_name": "totals"}
    found = await kept.get(f"{kept.id}/lineage", **root, depth=1)
    assert {node["table_name"]: node["depth"] for node in found["nodes"]} == {"totals": 0, "orders": -1, "best": 1}
    assert len(found["edges"]) == 2
    found = await kept.get(f"{kept.id}/lineage", **root, direction="downstream", depth=5)
    assert {node["table_name"]: node["depth"] for node in found["nodes"]} == {"totals": 0, "best": 1, "last": 2}
    root = {"schema_name": "reports", "table_name": "last", "column_name": "winner"}
    found = await kept.get(f"{kept.id}/lineage", **root, depth=9)
    assert {node["table_name"] for node in found["nodes"]} == {"last", "best", "totals", "orders"}
    found = await kept.get(f"{kept.id}/lineage", schema_name="no", table_name="table")
    assert (found["edges"], len(found["nodes"])) == ([], 1)


async def test_columns_come_from_the_texts_of_views(kept: Kept) -> None:
    """A server's own record of dependencies names the columns that are read, and not what is made of them."""
    made = edge("shop.orders", "reports.totals", "customer_id>buyer")
    recorded = msgspec.structs.replace(made, column_edges=[], origin=Origin.dependency_record)
    await kept.keeper.keep_lineage(Lineage(edges=[recorded]), 0)
    root = {"schema_name": "reports", "table_name": "totals"}
    found = await kept.get(f"{kept.id}/lineage", **root, column_name="buyer")
    assert [edge["column_edges"] for edge in found["edges"]] == [[{"source": "customer_id", "target": "buyer"}]]
    found = await kept.get(f"{kept.id}/table", **root)
    assert found["upstream"][0]["column_edges"] == [{"source": "customer_id", "target": "buyer"}]


async def test_all_lineage_in_both_shapes(kept: Kept) -> None:
    """Pages, lines, and OpenLineage's events with columns."""
    first = await kept.get(f"{kept.id}/lineage", limit=3)
    rest = await kept.get(f"{kept.id}/lineage", limit=3, cursor=first["next_cursor"])
    assert len(first["edges"]) + len(rest["edges"]) == len(EDGES)
    assert len(await kept.get(f"{kept.id}/lineage", format="ndjson")) == len(EDGES)
    events = (await kept.get(f"{kept.id}/lineage", shape="openlineage"))["events"]
    assert len(events) == 3
    event = next(event for event in events if event["job"]["name"] == "shop.reports.best")
    assert event["eventTime"].endswith("Z")
    assert {dataset["name"] for dataset in event["inputs"]} == {"shop.reports.totals", "shop.shop.customer"}
    assert event["outputs"][0]["namespace"] == "postgres://db.example:5432"
    fields = event["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert fields["title"]["inputFields"] == [
        {"namespace": "postgres://db.example:5432", "name": "shop.shop.customer", "field": "name"}
    ]
    assert len(await kept.get(f"{kept.id}/lineage", shape="openlineage", format="ndjson")) == 3


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("schemas", {"limit": 1, "cursor": "none"}, "cursor"),
        ("schemas", {"limit": 1, "cursor": "WzEsMl0"}, "cursor"),
        ("schemas", {"limit": 0}, "limit"),
        ("schemas", {"format": "xml"}, "format"),
        ("schema-changes", {"cursor": "💥"}, "cursor"),
        ("lineage", {"table_name": "orders"}, "schema_name"),
        ("lineage", {"depth": 21}, "depth"),
        ("table", {"schema_name": "shop"}, "table_name"),
        ("schemas", {"schema": "shop"}, "schema"),
    ],
)
async def test_wrong_questions(lone_api: Client, path: str, query: dict[str, Any], field: str) -> None:
    """422 that names the parameter."""
    source = await register(lone_api, f"Wrong {path} {query}")
    answer = await lone_api.get(f"{PAGES}/{source}/{path}", params=query)
    if path == "schemas" and "cursor" in query:  # nothing is kept, so there are no pages
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.json()["error_code"]) == (422, "VALIDATION_ERROR"), answer.text
    assert field in answer.json()["message"]


@pytest.mark.parametrize("place", [[2**70, "a", "b"], [1, "a\0", "b"], 2**63])
async def test_a_forged_cursor(kept: Kept, place: Any) -> None:
    """A cursor that no page has answered is refused by name, whatever it holds."""
    cursor = write_cursor(place)
    for path in (f"{kept.id}/schemas", "schema-search?q=a", f"{kept.id}/schema-changes", f"{kept.id}/lineage"):
        address = httpx.URL(f"{PAGES}/{path}").copy_merge_params({"limit": 1, "cursor": cursor})
        answer = await kept.client.get(str(address))
        assert (answer.status_code, answer.json()["error_code"]) == (422, "VALIDATION_ERROR"), answer.text
        assert "cursor" in answer.json()["message"]


@pytest.mark.parametrize("number", [2**63, 2**70, -1])
async def test_a_search_in_a_source_that_cannot_be(kept: Kept, number: int) -> None:
    """It finds nothing, as in every source that is not there."""
    answer = await kept.client.get(f"{PAGES}/schema-search", params={"q": "a", "data_source_id": number})
    assert answer.json()["data"]["tables"] == []


@pytest.mark.parametrize("field", ["schema_indexing_schedule", "lineage_schedule"])
async def test_a_schedule_that_never_comes_true(lone_api: Client, field: str) -> None:
    """It is refused, and its field is named; an empty one is none."""
    body = {"name": f"Scheduled by {field}", "type": "pg", "options": OPTIONS}
    answer = await lone_api.post(SOURCES, json=body | {field: "0 0 31 2 *"})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", field])
    assert (await lone_api.post(SOURCES, json=body | {field: ""})).status_code == 200


async def test_another_organizations_source(kept: Kept) -> None:
    """It is not there: 404 for each path."""
    for path in ("schemas", "lineage", "schema-changes", "table?schema_name=a&table_name=b"):
        assert (await kept.client.get(f"{PAGES}/999999/{path}")).status_code == 404
    assert (await kept.client.post(f"{PAGES}/999999/discover-schema")).status_code == 404
