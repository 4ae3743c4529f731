"""The check steps: one file each, the same verb in each, one line each in this table."""

from collections.abc import Awaitable, Callable, Collection

from datasources.model.results import Finding
from tasks.context import Check
from tasks.steps.connection import run as connection
from tasks.steps.lineage_download import run as lineage_download
from tasks.steps.schema_download import run as schema_download
from tasks.steps.temp_schema import run as temp_schema
from tasks.steps.test_query import run as test_query
from tasks.steps.version_probe import run as version_probe

Run = Callable[[Check], Awaitable[Finding]]

TASKS: dict[str, Run] = {
    "connection": connection,
    "version_probe": version_probe,
    "test_query": test_query,
    "temp_schema": temp_schema,
    "schema_download": schema_download,
    "lineage_download": lineage_download,
}
"""Every task by its name on the wire. `connection` goes first; the others do not depend on each other."""

FIRST = "connection"


def under_way(steps: Collection[str], ended: Collection[str]) -> list[str]:
    """Which of these steps a running flow is at, when these have ended: the connection alone, then all others."""
    if FIRST in steps and FIRST not in ended:
        return [FIRST]
    return sorted(step for step in steps if step not in ended)


OPTIONAL = frozenset({"version_probe"})
"""Tasks whose failure does not fail the run: a version that cannot be read is no fault of the source."""
