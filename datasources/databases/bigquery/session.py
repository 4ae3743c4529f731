"""A service account's questions to BigQuery, about one project or several."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from datasources.databases.base import Column, ForeignKey, History, LineageEdge, Origin, TableName
from datasources.databases.bigquery.asker import BigqueryAsker
from datasources.databases.bigquery.model import BigqueryOptions
from datasources.databases.history.apart import history_of_texts
from datasources.databases.history.edges import MOST_STATEMENTS, FoldedNames, Written
from datasources.databases.limits import Limit
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog, Member, Name, by_table
from datasources.databases.warehouse.session import WarehouseSession
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

DAYS = 30
KINDS = {"BASE TABLE": "table", "VIEW": "view", "MATERIALIZED VIEW": "materialized view", "EXTERNAL": "external table",
         "CLONE": "table", "SNAPSHOT": "snapshot"}  # fmt: skip
MEMBERS = """
SELECT table_schema, table_name, table_type FROM {region}.TABLES ORDER BY table_schema, table_name
"""
COLUMNS = """
SELECT c.table_schema, c.table_name, c.column_name, c.data_type, c.is_nullable, f.description
FROM {region}.COLUMNS AS c LEFT JOIN {region}.COLUMN_FIELD_PATHS AS f
ON f.table_schema = c.table_schema AND f.table_name = c.table_name AND f.field_path = c.column_name
ORDER BY c.table_schema, c.table_name, c.ordinal_position
"""
COMMENTS = "SELECT table_schema, table_name, option_value FROM {region}.TABLE_OPTIONS WHERE option_name = 'description'"
COUNTS = "SELECT table_schema, table_name, total_rows FROM {region}.TABLE_STORAGE"
VIEWS = "SELECT table_schema, table_name, view_definition FROM {region}.VIEWS"
DATASETS = "SELECT schema_name FROM {region}.SCHEMATA"
KEYS = """
SELECT k.table_schema, k.table_name, k.constraint_name, t.constraint_type, k.column_name, k.ordinal_position,
       k.position_in_unique_constraint
FROM {dataset}.KEY_COLUMN_USAGE AS k JOIN {dataset}.TABLE_CONSTRAINTS AS t ON t.constraint_name = k.constraint_name
"""
USES = """
SELECT u.constraint_name, u.table_schema, u.table_name, u.column_name FROM {dataset}.CONSTRAINT_COLUMN_USAGE AS u
"""
MOST_DATASETS = 100
"""Whose keys are asked for in one statement: BigQuery tells them by dataset only."""
NAMES = """
SELECT table_name FROM {dataset}.TABLES
WHERE table_type = 'BASE TABLE' AND STARTS_WITH(table_name, 'sourcecheck_tmp_')
"""
JOBS = """
SELECT TO_JSON_STRING(referenced_tables), TO_JSON_STRING(destination_table) FROM {region}.JOBS
WHERE creation_time > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {days} DAY) AND state = 'DONE'
AND error_result IS NULL AND statement_type IN ('INSERT', 'MERGE', 'UPDATE', 'CREATE_TABLE_AS_SELECT')
ORDER BY creation_time DESC LIMIT {most}
"""
QUERIES = """
SELECT query FROM {region}.JOBS WHERE state = 'DONE'
AND statement_type IN ('INSERT', 'MERGE', 'UPDATE', 'CREATE_TABLE_AS_SELECT') ORDER BY creation_time DESC LIMIT {most}
"""
GRANT = "grant roles/bigquery.resourceViewer on the project (bigquery.jobs.listAll)"


class BigquerySession(WarehouseSession):
    """Questions of one account. A schema is a dataset; of a project beside the source's own, `project.dataset`."""

    dialect = "bigquery"
    folded = False
    quote = "`"
    text_type = "STRING"

    def __init__(self, asker: BigqueryAsker, seconds: float, options: BigqueryOptions) -> None:
        super().__init__(asker, seconds)
        self._bigquery = asker
        self._options = options

    def place(self, schema: str) -> tuple[str, ...]:
        """The project, and the dataset in it."""
        return (self._options.projectId, schema)

    def quoted(self, *names: str) -> str:
        """In backticks, in which a backslash escapes."""
        return ".".join("`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`" for name in names)

    def names_in(self, schema: str) -> str:
        """Names with our mark."""
        return NAMES.format(dataset=self._dataset(self._options.projectId, schema))

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Eight statements a project, whatever the number of tables; two of them for each hundred of its datasets."""
        found = Catalog(members=[], columns={}, primary={}, foreign={})
        for project in self._options.projects:
            await self._add(found, project, limit, stage)
        return found

    async def _add(self, found: Catalog, project: str, limit: Limit, stage: str) -> None:
        region = f"{self.quoted(project, 'region-' + self._options.location.lower())}.INFORMATION_SCHEMA"
        members, columns, comments, views, datasets = [
            await self._read(limit, stage, statement.format(region=region))
            for statement in (MEMBERS, COLUMNS, COMMENTS, VIEWS, DATASETS)
        ]
        counts = await self._counts(limit, stage, region)
        said = {(row[0], row[1]): _text(row[2]) for row in comments}
        definitions = {(row[0], row[1]): row[2] for row in views}
        prefix = "" if project == self._options.projectId else f"{project}."
        for schema, table, kind in members:
            found.members.append(
                Member(
                    schema=prefix + schema,
                    name=table,
                    kind=KINDS.get(kind, kind.lower()),
                    comment=said.get((schema, table)),
                    rows=counts.get((schema, table)),
                    definition=definitions.get((schema, table)),
                )
            )
        found.columns |= by_table(
            (
                prefix + schema,
                table,
                Column(name=name, type=type_, nullable=nullable != "NO", comment=comment or None),
            )
            for schema, table, name, type_, nullable, comment in columns
        )
        primary, foreign = await self._keys(limit, stage, project, [row[0] for row in datasets], prefix)
        found.primary = dict(found.primary) | primary
        found.foreign = dict(found.foreign) | foreign

    async def _counts(self, limit: Limit, stage: str, region: str) -> dict[Name, int]:
        """Rows of tables, which take a right of their own to read."""
        try:
            rows = await self._read(limit, stage, COUNTS.format(region=region))
        except CheckError as error:
            if error.code is not ErrorCode.PERMISSION_DENIED:
                raise
            return {}
        return {(row[0], row[1]): int(row[2]) for row in rows if row[2] is not None}

    async def _keys(
        self, limit: Limit, stage: str, project: str, datasets: list[str], prefix: str
    ) -> tuple[dict[Name, list[str]], dict[Name, list[ForeignKey]]]:
        keys: list[Row] = []
        uses: list[Row] = []
        for start in range(0, len(datasets), MOST_DATASETS):
            places = [self._dataset(project, name) for name in datasets[start : start + MOST_DATASETS]]
            both = [" UNION ALL ".join(each.format(dataset=place) for place in places) for each in (KEYS, USES)]
            keys += await self._read(limit, stage, both[0])
            uses += await self._read(limit, stage, both[1])
        return _keys(keys, uses, prefix)

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """What jobs of the last days have made from what, by BigQuery's own record of each job, or else by its text."""
        region = (
            f"{self.quoted(self._options.projectId, 'region-' + self._options.location.lower())}.INFORMATION_SCHEMA"
        )
        where = f"INFORMATION_SCHEMA.JOBS of region {self._options.location} ({DAYS} days)"
        try:
            try:
                rows = await self._read(limit, "history", JOBS.format(region=region, days=DAYS, most=MOST_STATEMENTS))
            except CheckError as error:
                if error.code is not ErrorCode.QUERY_ERROR:
                    raise
                return await self._read_texts(limit, region, where, catalog)
        except CheckError as error:
            if error.code is not ErrorCode.PERMISSION_DENIED:
                raise
            return [], History(read_from=where, missing=GRANT)
        edges = _job_edges(rows, self._options.projectId)
        return edges, History(read_from=where, statements=len(rows))

    async def _read_texts(
        self, limit: Limit, region: str, where: str, catalog: Catalog
    ) -> tuple[list[LineageEdge], History]:
        rows = await self._read(limit, "history", QUERIES.format(region=region, most=MOST_STATEMENTS))
        written = [Written(str(row[0])) for row in rows]
        names = FoldedNames(catalog.columns, self._options.projectId)
        return await history_of_texts(written, names, self.dialect, limit, where)

    def asked_pages(self, sql: str) -> AsyncGenerator[list[Row], None]:
        """After a dry run, in which the server says what kind of statement it is (security row 6)."""
        return self._after_dry_run(sql)

    async def _after_dry_run(self, sql: str) -> AsyncGenerator[list[Row], None]:
        await self._bigquery.require_reading(sql)
        async for page in self._bigquery.pages(sql):
            yield page

    def _dataset(self, project: str, dataset: str) -> str:
        return f"{self.quoted(project, dataset)}.INFORMATION_SCHEMA"


def _text(literal: str) -> str:
    """The value of an option, which is written as a constant of SQL."""
    try:
        return msgspec.json.decode(literal, type=str)
    except msgspec.DecodeError:
        return literal.strip("\"'")


def _keys(keys: list[Row], uses: list[Row], prefix: str) -> tuple[dict[Name, list[str]], dict[Name, list[ForeignKey]]]:
    """Primary keys and references by table."""
    primary: dict[Name, list[tuple[int, str]]] = {}
    references: dict[tuple[str, str, str], list[tuple[int, int, str]]] = {}
    for schema, table, name, kind, column, ordinal, position in keys:
        if kind == "PRIMARY KEY":
            primary.setdefault((prefix + schema, table), []).append((int(ordinal), column))
        else:
            place = int(position or ordinal)
            references.setdefault((prefix + schema, table, name), []).append((int(ordinal), place, column))
    used: dict[str, list[Row]] = {}
    for use in uses:
        used.setdefault(use[0], []).append(use)
    foreign: dict[Name, list[ForeignKey]] = {}
    for (schema, table, name), members in references.items():
        there = used.get(name, [])
        if there:
            key = ForeignKey(
                columns=[column for _, _, column in sorted(members)],
                table=TableName(prefix + there[0][1], there[0][2]),
                referenced=[use[3] for use in there],
            )
            foreign.setdefault((schema, table), []).append(key)
    return {name: [column for _, column in sorted(columns)] for name, columns in primary.items()}, foreign


class _TableReference(msgspec.Struct, frozen=True):
    project_id: str = ""
    dataset_id: str = ""
    table_id: str = ""

    def name(self, own: str) -> TableName:
        """As a source on `own` calls it."""
        return TableName(
            self.dataset_id if self.project_id == own else f"{self.project_id}.{self.dataset_id}", self.table_id
        )


def _job_edges(rows: list[Row], own: str) -> list[LineageEdge]:
    """From each table that a job has read to the one that it has written."""
    found: set[tuple[TableName, TableName]] = set()
    for read, written in rows:
        sources: Any = msgspec.json.decode(read or "[]", type=list[_TableReference] | None) or []
        target = msgspec.json.decode(written or "null", type=_TableReference | None)
        if target is not None and not target.dataset_id.startswith("_"):
            found |= {(source.name(own), target.name(own)) for source in sources if source != target}
    return [LineageEdge(source=source, target=target, origin=Origin.query_history) for source, target in sorted(found)]
