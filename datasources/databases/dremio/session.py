"""A user's questions to Dremio. A schema is a path: a space or a source, and folders in it, with dots between them."""

from typing import Any

from datasources.databases.base import Column, History, LineageEdge
from datasources.databases.dremio.asker import CATALOG
from datasources.databases.history.apart import history_of_texts
from datasources.databases.history.edges import MOST_STATEMENTS, FoldedNames, Written
from datasources.databases.limits import Limit
from datasources.databases.names import literal
from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.catalog import Catalog, Member, by_table
from datasources.databases.warehouse.session import HIDDEN, WarehouseSession
from datasources.model.errors import CheckError
from datasources.model.vocabulary import ErrorCode

OURS = "TABLE_SCHEMA NOT LIKE 'sys%' AND TABLE_SCHEMA <> 'INFORMATION_SCHEMA'"
MEMBERS = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM INFORMATION_SCHEMA."TABLES" WHERE {OURS}
ORDER BY TABLE_SCHEMA, TABLE_NAME
"""  # noqa: S608 -- put together from constants
COLUMNS = f"""
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE, IS_NULLABLE
FROM INFORMATION_SCHEMA.COLUMNS WHERE {OURS} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION
"""  # noqa: S608 -- put together from constants
VIEWS = f"SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION FROM INFORMATION_SCHEMA.VIEWS WHERE {OURS}"  # noqa: S608
NAMES = """
SELECT TABLE_NAME FROM INFORMATION_SCHEMA."TABLES"
WHERE TABLE_SCHEMA = {schema} AND TABLE_TYPE = 'TABLE' AND TABLE_NAME LIKE 'sourcecheck%'
"""
JOBS = """
SELECT query FROM {jobs} WHERE status = 'COMPLETED' AND query_type NOT LIKE 'METADATA%'
ORDER BY submitted_ts DESC LIMIT {most}
"""
RECENT, OF_PROJECT = "sys.jobs_recent", "sys.project.history.jobs"
GRANT = "GRANT VIEW JOB HISTORY ON SYSTEM TO USER … (in the cloud: ON PROJECT)"


class DremioSession(WarehouseSession):
    """Questions of one user."""

    dialect = "dremio"
    hidden = HIDDEN | {ErrorCode.SCHEMA_NOT_FOUND}

    def __init__(self, asker: Any, seconds: float, in_cloud: bool) -> None:
        super().__init__(asker, seconds)
        self._jobs = OF_PROJECT if in_cloud else RECENT

    def place(self, schema: str) -> tuple[str, ...]:
        """The parts of a path."""
        return tuple(schema.split("."))

    def names_in(self, schema: str) -> str:
        """Names with our mark."""
        return NAMES.format(schema=literal(schema))

    async def require_schema(self, schema: str, limit: Limit) -> None:
        """A path that is not there."""
        statement = f"SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME = {literal(schema)}"  # noqa: S608 -- quoted
        if not await self.ask(limit, "create", statement):
            message = f'The path "{schema}" does not exist, or the user may not see it'
            raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, message, {"stage": "create"})

    async def catalog(self, limit: Limit, stage: str) -> Catalog:
        """Three statements, whatever the number of tables. Dremio has neither keys nor comments there."""
        members, columns, views = [await self._read(limit, stage, each) for each in (MEMBERS, COLUMNS, VIEWS)]
        definitions = {(row[0], row[1]): row[2] for row in views}
        return Catalog(
            members=[
                Member(
                    schema=schema,
                    name=name,
                    kind="view" if kind == "VIEW" else "table",
                    definition=definitions.get((schema, name)),
                )
                for schema, name, kind in members
            ],
            columns=by_table((row[0], row[1], _column(row)) for row in columns),
        )

    async def history(self, limit: Limit, catalog: Catalog) -> tuple[list[LineageEdge], History | None]:
        """The texts of jobs that made one table from others."""
        rows = await self._read_if_shown(limit, "history", JOBS.format(jobs=self._jobs, most=MOST_STATEMENTS))
        if rows is None:
            return [], History(read_from=self._jobs, missing=GRANT)
        written = [Written(str(row[0])) for row in rows]
        return await history_of_texts(written, FoldedNames(catalog.columns, CATALOG), self.dialect, limit, self._jobs)


def _column(row: Row) -> Column:
    _, _, name, type_, precision, scale, nullable = row
    if type_ == "DECIMAL" and precision is not None:
        type_ = f"DECIMAL({int(precision)},{int(scale or 0)})"
    return Column(name=name, type=type_, nullable=nullable != "NO")
