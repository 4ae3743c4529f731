"""Athena's and Glue's APIs: signed requests; a query is started, watched, and its pages are fetched."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from datasources.databases.athena.errors import failed_query
from datasources.databases.athena.model import GLUE, AthenaOptions
from datasources.databases.aws.requests import call
from datasources.databases.aws.service import Service
from datasources.databases.aws.signing import AccessKey
from datasources.databases.flood import ANSWER_BYTES
from datasources.databases.warehouse.asker import Asker, Row
from datasources.databases.warehouse.errors import Refused
from datasources.databases.warehouse.http import Way
from datasources.model.vocabulary import ErrorCode

CANCEL_SECONDS = 1.0
PAGE = 1000
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Between two looks at a query that runs."""
TARGETS = {"athena": "AmazonAthena", "glue": "AWSGlue"}
WORKGROUP = "primary"
RUNNING = ("QUEUED", "RUNNING")


class AthenaAsker(Asker):
    """One access key's requests in one region."""

    def __init__(self, way: Way, options: AthenaOptions) -> None:
        super().__init__()
        self._way = way
        self._options = options
        self._key = AccessKey(options.aws_access_key_id, options.aws_secret_access_key or "")
        self._running: str | None = None
        self.user = options.aws_access_key_id
        self.database = options.database
        self.tls = options.tls

    @property
    def of_glue(self) -> bool:
        """Whether the catalog is Glue's."""
        return self._options.catalog.lower() == GLUE

    async def log_in(self) -> None:
        """By asking for the database, which costs nothing; the engine's version is told where that is allowed."""
        if not self._options.aws_secret_access_key:
            raise Refused(ErrorCode.AUTHENTICATION_FAILED, "The secret access key is missing")
        if self.of_glue:
            await self.call("glue", "GetDatabase", {"Name": self.database})
        else:
            name = {"CatalogName": self._options.catalog, "DatabaseName": self.database}
            await self.call("athena", "GetDatabase", name)
        self.version = "Athena"
        try:
            group = await self.call("athena", "GetWorkGroup", {"WorkGroup": WORKGROUP})
        except Refused as error:
            if error.code is not ErrorCode.PERMISSION_DENIED:
                raise
            return
        engine = group["WorkGroup"].get("Configuration", {}).get("EngineVersion", {})
        number = str(engine.get("EffectiveEngineVersion", "")).rpartition(" ")[2]
        self.version = f"Athena {number[:20]}".strip()

    async def pages(self, statement: str, *, most: int = ANSWER_BYTES) -> AsyncGenerator[list[Row], None]:
        """The pages of one statement; none where it answers no rows."""
        query = await self._finished(statement)
        header = query.get("StatementType") == "DML"
        asked: dict[str, Any] = {"QueryExecutionId": query["QueryExecutionId"], "MaxResults": PAGE}
        shown = False
        while True:
            found = await self.call("athena", "GetQueryResults", asked, most)
            results = found["ResultSet"]
            if not results.get("ResultSetMetadata", {}).get("ColumnInfo"):
                return
            rows = [[cell.get("VarCharValue") for cell in row.get("Data", [])] for row in results.get("Rows", [])]
            rows, header = rows[1:] if header else rows, False
            if rows:
                shown = True
                yield rows
            if not found.get("NextToken"):
                if not shown:
                    yield []
                return
            asked["NextToken"] = found["NextToken"]

    async def _finished(self, statement: str) -> dict[str, Any]:
        """The execution of a statement, once it has succeeded. Raises `Refused`."""
        asked = {
            "QueryString": statement,
            "QueryExecutionContext": {"Catalog": self._options.catalog, "Database": self.database},
            "ResultConfiguration": {"OutputLocation": self._options.s3_staging_dir},
            "WorkGroup": WORKGROUP,
        }
        started = await self.begun(self.call("athena", "StartQueryExecution", asked))
        self._running = str(started["QueryExecutionId"])
        wait = FIRST_WAIT
        while True:
            found = await self.call("athena", "GetQueryExecution", {"QueryExecutionId": self._running})
            query: dict[str, Any] = found["QueryExecution"]
            state = query["Status"]["State"]
            if state not in RUNNING:
                break
            await asyncio.sleep(wait)
            wait = min(LONGEST_WAIT, wait * 1.5)
        self._running = None
        if state != "SUCCEEDED":
            status = query["Status"]
            reason = status.get("AthenaError", {}).get("ErrorMessage") or status.get("StateChangeReason") or ""
            raise failed_query(state, reason)
        return query

    async def call(self, service: str, action: str, body: dict[str, Any], most: int = ANSWER_BYTES) -> dict[str, Any]:
        """One request of a service's API. Raises `Refused`, and what requests raise."""
        host, port = self._options.place_of(service)
        here = Service(service, TARGETS[service], self._options.region, host, port, self._options.tls)
        return await call(self._way, self._key, here, action, body, most)

    async def cancel(self) -> None:
        """End over there what was cut off."""
        with suppress(Exception):
            async with asyncio.timeout(CANCEL_SECONDS):
                if started := await self.late():
                    self._running = str(started["QueryExecutionId"])
                if self._running is None:
                    return
                await self.call("athena", "StopQueryExecution", {"QueryExecutionId": self._running})
