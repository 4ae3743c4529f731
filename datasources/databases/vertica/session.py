"""A login's questions to Vertica."""

import re

from datasources.databases.base import Column, History, LineageEdge, Origin
from datasources.databases.history.edges import MOST_STATEMENTS
from datasources.databases.limits import Limit
from datasources.databases.names import literal
from datasources.databases.vertica.texts import REWRITTEN
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog, Member, by_table
from datasources.databases.warehouse.guard import refuse_calls
from datasources.databases.warehouse.records import edges_between, foreign_of, primary_of
from datasources.databases.warehouse.session import WarehouseSession

TABLES = """
SELECT table_schema, table_name FROM v_catalog.tables WHERE NOT is_system_table ORDER BY table_schema, table_name
"""
VIEWS = """
SELECT table_schema, table_name, view_definition FROM v_catalog.views WHERE NOT is_system_view
ORDER BY table_schema, table_name
"""
COLUMNS = """
SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default, ordinal_position
FROM v_catalog.columns WHERE NOT is_system_table
UNION ALL
SELECT table_schema, table_name, column_name, data_type, TRUE, NULL, ordinal_position FROM v_catalog.view_columns
WHERE table_schema NOT IN ('v_catalog', 'v_monitor', 'v_internal')
ORDER BY 1, 2, 7
"""
PRIMARY = """
SELECT table_schema, table_name, column_name FROM v_catalog.primary_keys WHERE constraint_type = 'p'
ORDER BY table_schema, table_name, ordinal_position
"""
FOREIGN = """
SELECT table_schema, table_name, constraint_name, column_name, reference_table_schema, reference_table_name,
       reference_column_name
FROM v_catalog.foreign_keys ORDER BY table_schema, table_name, constraint_id, ordinal_position
"""
COMMENTS = """
SELECT object_type, object_schema, object_name, child_object, comment FROM v_catalog.comments
WHERE object_type IN ('TABLE', 'VIEW', 'COLUMN')
"""
ROWS = """
SELECT anchor_table_schema, anchor_table_name, MAX(row_total) FROM (
    SELECT anchor_table_schema, anchor_table_name, projection_schema, projection_name, SUM(row_count) AS row_total
    FROM v_monitor.projection_storage GROUP BY 1, 2, 3, 4
) AS projections GROUP BY 1, 2
"""
"""A table is kept in several projections, each of which may lie on several nodes."""
DEPENDENCIES = """
SELECT reference_table_schema, reference_table_name, table_schema, table_name FROM v_catalog.view_tables
"""
NAMES = """
SELECT table_name FROM v_catalog.tables
WHERE LOWER(table_schema) = LOWER({schema}) AND table_name LIKE 'sourcecheck^_tmp^_%' ESCAPE '^'
"""
USAGE = f"""
SELECT DISTINCT i.anchor_table_schema, i.anchor_table_name, o.anchor_table_schema, o.anchor_table_name,
       o.transaction_id, o.statement_id
FROM v_monitor.projection_usage AS o JOIN v_monitor.projection_usage AS i
ON i.transaction_id = o.transaction_id AND i.statement_id = o.statement_id
WHERE LOWER(o.io_type) = 'output' AND LOWER(i.io_type) = 'input'
LIMIT {MOST_STATEMENTS}
"""  # noqa: S608 -- put together from constants
MONITOR = "SELECT HAS_ROLE('sysmonitor') OR HAS_ROLE('dbadmin')"
KEPT_IN = "v_monitor.projection_usage (what the data collector still keeps)"
GRANT = 'GRANT SYSMONITOR TO "{user}", and make it a default role, or name it in `role`; without it, the user\'s own'

_VERBS = """
advance alter analyze cancel change clear close copy demote disable disconnect do drop dump enable enforce evaluate
execute export finish flush import initiate install interrupt kill load logrotate make mark materialize merge migrate
move notify partition promote purge put rebalance refresh register reload remove rename reset restore retire rotate
run sandbox save set shutdown start stop suspend swap sync synchronize tm unsandbox unset unsuspend update upgrade
validate
"""
META = re.compile(rf"(?:\w+\.)?(?!set_union$)(?:(?:{'|'.join(_VERBS.split())})(?:_\w+)?|\w*export\w*)", re.IGNORECASE)
"""Functions that change the cluster, its data or its files, and that a session which only reads may call: Vertica names
each by what it does."""


class VerticaSession(WarehouseSession):
    """Questions of one login at one database."""

    dialect = "postgres"
    near = True
    rewritten = REWRITTEN
    text_type = "varchar(64)"

    def names_in(self, schema: str) -> str:
        """Names with our mark."""
        return NAMES.format(schema=literal(schema))

    def require_reading(self, sql: str) -> None:
        """One statement that reads, without a call of what changes something (security row 6)."""
        super().require_reading(sql)
        refuse_calls(sql, META)

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Seven statements, whatever the number of tables; two of them may be refused."""
        tables = await self._read(limit, stage, TABLES)
        views = await self._read(limit, stage, VIEWS)
        columns = await self._read(limit, stage, COLUMNS)
        primary = await self._read(limit, stage, PRIMARY)
        foreign = await self._read(limit, stage, FOREIGN)
        comments = await self._read_if_shown(limit, stage, COMMENTS) or []
        rows = await self._read_if_shown(limit, stage, ROWS) or []
        return catalog_of(tables, views, columns, primary, foreign, comments, rows)

    async def server_edges(self, limit: Limit) -> list[LineageEdge]:
        """What views read, as Vertica records it."""
        return edges_between(await self._read(limit, "lineage", DEPENDENCIES), Origin.dependency_record)

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """Which tables a statement read, and which it wrote: Vertica's own record of each."""
        rows = await self._read_if_shown(limit, "history", USAGE)
        if rows is None:
            return [], History(read_from=KEPT_IN, missing=self._grant())
        everything = await self._read_if_shown(limit, "history", MONITOR)
        missing = None if everything and everything[0][0] else self._grant()
        statements = len({(row[4], row[5]) for row in rows})
        edges = edges_between(rows, Origin.query_history, catalog.columns)
        return edges, History(read_from=KEPT_IN, statements=statements, missing=missing)

    def _grant(self) -> str:
        return GRANT.format(user=self._asker.user or "…")


def catalog_of(
    tables: list[Row],
    views: list[Row],
    columns: list[Row],
    primary: list[Row],
    foreign: list[Row],
    comments: list[Row],
    rows: list[Row],
) -> Catalog:
    """The tables of what these statements answer, each row in the order of its statement."""
    said = {(schema, name): text for type_, schema, name, _, text in comments if type_ != "COLUMN"}
    columns_said = {(row[1], row[2], row[3]): row[4] for row in comments if row[0] == "COLUMN"}
    counts = {(schema, name): int(count) for schema, name, count in rows if count is not None}
    members = [
        Member(
            schema=schema, name=name, kind="table", comment=said.get((schema, name)), rows=counts.get((schema, name))
        )
        for schema, name in tables
    ]
    members += [
        Member(schema=schema, name=name, kind="view", comment=said.get((schema, name)), definition=definition or None)
        for schema, name, definition in views
    ]
    found = by_table(
        (
            schema,
            table,
            Column(
                name=name,
                type=type_,
                nullable=nullable is not False,
                default=default or None,
                comment=columns_said.get((schema, table, name)) or None,
            ),
        )
        for schema, table, name, type_, nullable, default, _ in columns
    )
    members.sort(key=lambda member: (member.schema, member.name))
    return Catalog(members=members, columns=found, primary=primary_of(primary), foreign=foreign_of(foreign))
