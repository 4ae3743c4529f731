"""The check steps: one file each, the same verb in each, one line each in this table."""

from collections.abc import Awaitable, Callable

from datasources.model import Finding
from tasks import connection, lineage_download, schema_download, temp_schema, test_query, version_probe
from tasks.check import Check

Run = Callable[[Check], Awaitable[Finding]]

TASKS: dict[str, Run] = {
    "connection": connection.run,
    "version_probe": version_probe.run,
    "test_query": test_query.run,
    "temp_schema": temp_schema.run,
    "schema_download": schema_download.run,
    "lineage_download": lineage_download.run,
}
"""Every task by its name on the wire. `connection` goes first; the others do not depend on each other."""

OPTIONAL = frozenset({"version_probe"})
"""Tasks whose failure does not fail the run: a version that cannot be read is no fault of the source."""
