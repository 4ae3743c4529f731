"""Lineage in OpenLineage's shape: one static `JobEvent` for each table that is made from others.

Names of datasets follow OpenLineage's naming: a namespace that is the address of the server, and the full name there.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from datasources.catalogue.tables import DataSource
from datasources.databases import DATABASES
from datasources.databases.base import LineageEdge, Origin, TableName

PRODUCER = "sourcecheck"
PRODUCER_URI = "urn:sourcecheck"
SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent"
COLUMN_LINEAGE = (
    "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet"
)
JOB_TYPE = "https://openlineage.io/spec/facets/2-0-3/JobTypeJobFacet.json#/$defs/JobTypeJobFacet"
SCHEMES = {
    "pg": "postgres",
    "postgres_aurora": "postgres",
    "postgres_aws_rds": "postgres",
    "mariadb": "mysql",
    "google_cloud_storage": "gs",
    "aws_s3": "s3",
}
"""Types whose address begins with another word than their own."""


class Naming:
    """How the tables of one source are called."""

    def __init__(self, source: DataSource) -> None:
        shown = {name: source.options.get(field) for name, field in DATABASES[source.type].options.shown_as.items()}
        scheme, host, port = SCHEMES.get(source.type, source.type), shown.get("host"), shown.get("port")
        at = f"{host}:{port}" if host and port else host or shown.get("file_path") or f"data-source-{source.id}"
        self.namespace = f"{scheme}://{at}"
        is_schema = source.type in ("mysql", "mariadb", "clickhouse")  # where a schema is a database
        self._database = None if is_schema else shown.get("database_name")

    def name(self, table: TableName) -> str:
        """The full name of a table on its server."""
        return f"{self._database}.{table}" if self._database else str(table)

    def dataset(self, table: TableName) -> dict[str, Any]:
        """The table as a dataset."""
        return {"namespace": self.namespace, "name": self.name(table)}


def events(source: DataSource, edges: Iterable[LineageEdge], at: datetime) -> list[dict[str, Any]]:
    """One event for each target, in the order of the edges."""
    naming = Naming(source)
    by_target: dict[TableName, list[LineageEdge]] = {}
    for edge in edges:
        by_target.setdefault(edge.target, []).append(edge)
    return [_event(naming, target, made_from, at) for target, made_from in by_target.items()]


def _event(naming: Naming, target: TableName, edges: list[LineageEdge], at: datetime) -> dict[str, Any]:
    sources = list(dict.fromkeys(edge.source for edge in edges))
    is_view = any(edge.origin is not Origin.query_history for edge in edges)
    return {
        "eventTime": at.isoformat().replace("+00:00", "Z"),
        "producer": PRODUCER_URI,
        "schemaURL": SPEC,
        "job": {
            "namespace": naming.namespace,
            "name": naming.name(target),
            "facets": {
                "jobType": {
                    "_producer": PRODUCER_URI,
                    "_schemaURL": JOB_TYPE,
                    "processingType": "BATCH",
                    "integration": PRODUCER.upper(),
                    "jobType": "VIEW" if is_view else "QUERY",
                }
            },
        },
        "inputs": [naming.dataset(source) for source in sources],
        "outputs": [naming.dataset(target) | {"facets": _facets(naming, edges)}],
    }


def _facets(naming: Naming, edges: list[LineageEdge]) -> dict[str, Any]:
    fields: dict[str, list[dict[str, str]]] = {}
    for edge in edges:
        for pair in edge.column_edges:
            fields.setdefault(pair.target, []).append(naming.dataset(edge.source) | {"field": pair.source})
    if not fields:
        return {}
    made = {name: {"inputFields": inputs} for name, inputs in fields.items()}
    return {"columnLineage": {"_producer": PRODUCER_URI, "_schemaURL": COLUMN_LINEAGE, "fields": made}}
