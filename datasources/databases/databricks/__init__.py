"""Databricks."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, ClassVar

from datasources.databases.base import Database, Driver, Verified
from datasources.databases.databricks.asker import DatabricksAsker
from datasources.databases.databricks.model import CLUSTER, DatabricksOptions, DatabricksSource
from datasources.databases.databricks.session import DatabricksSession
from datasources.databases.databricks.statement_api import WarehouseAsker
from datasources.databases.warehouse.login import logged_in
from datasources.model.errors import SourceUnreachable
from datasources.model.vocabulary import ErrorCode

CLEARTEXT = (
    "Without tls, the token would be sent in clear text: set allow_cleartext_password if you trust the "
    "network in between"
)


NO_PATH = "http_path is missing: it names the SQL warehouse or the cluster that runs statements"


class Databricks(Database):
    """Databricks: SQL warehouses by the Statement Execution API, clusters by Hive's Thrift service; both over httpx."""

    title = "Databricks"
    protocol = "HTTP"
    source: ClassVar = DatabricksSource
    options: ClassVar = DatabricksOptions
    driver = Driver("thrift", "databricks")
    verified = Verified(
        "protocol",
        "Spark 3.5: its own Thrift server for clusters, for warehouses our own double of the Statement Execution API; "
        "no Unity Catalog",
        "2026-11-26",
    )

    @classmethod
    def driver_for(cls, options: Mapping[str, Any]) -> Driver | None:
        """Only clusters need a driver."""
        return cls.driver if CLUSTER.fullmatch(options.get("http_path") or "") else None

    @classmethod
    @asynccontextmanager
    async def open(cls, source: DatabricksSource, *, read_only: bool) -> AsyncIterator[DatabricksSession]:
        """Log in to the workspace. Raises `SourceUnreachable`. Test queries are guarded by their text alone."""
        options = source.options
        if not options.tls and not options.allow_cleartext_password:
            raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, CLEARTEXT, {"stage": "login", "cleartext": True})
        async with logged_in(source, partial(_asker_for(options), source=source)) as asker:
            yield DatabricksSession(asker, source.query_timeout)


def _asker_for(options: DatabricksOptions) -> type[DatabricksAsker]:
    """The asker for what `http_path` names. Raises `SourceUnreachable` if it names nothing."""
    if options.cluster is not None:
        from datasources.databases.databricks.cluster import ClusterAsker

        return ClusterAsker
    if options.warehouse is None:
        raise SourceUnreachable(ErrorCode.DATABASE_NOT_FOUND, NO_PATH, {"stage": "login"})
    return WarehouseAsker
