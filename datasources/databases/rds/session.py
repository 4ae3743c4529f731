"""One open connection to PostgreSQL at Amazon."""

from functools import partial

from msgspec import structs

from datasources.databases.base import History, Lineage
from datasources.databases.globs import Globs
from datasources.databases.limits import Limit
from datasources.databases.postgres.answers import read
from datasources.databases.postgres.connect import Opened
from datasources.databases.postgres.session import END, VERSION_LIMIT, PgSession
from datasources.databases.postgres.transaction import Terms

HAS_AURORA = "SELECT proname::text FROM pg_proc WHERE proname = 'aurora_version' AND pronargs = 0"
"""By its name: the function stands in the system's schema on Aurora, and nowhere else."""
AURORA = "SELECT aurora_version()::text"
NOT_READ = (
    "sourcecheck does not read CloudWatch logs: what statements have made from what is not known. Views are read from "
    "the server's own records"
)


class RdsSession(PgSession):
    """PostgreSQL's session, which also knows Aurora's own version."""

    def __init__(self, opened: Opened, terms: Terms, log_group: str | None) -> None:
        super().__init__(opened, terms)
        self._log_group = log_group

    async def version(self) -> str:
        """Like `PostgreSQL 16.4 (Aurora 16.4.1)`, or as PostgreSQL has it where there is no Aurora."""
        known = await super().version()
        return f"{known} (Aurora {found[:VERSION_LIMIT]})" if (found := await self._aurora()) else known

    async def _aurora(self) -> str | None:
        if not await self._texts(HAS_AURORA):
            return None
        return next(iter(await self._texts(AURORA)), None)

    async def _texts(self, statement: str) -> list[str]:
        limit, parse = Limit(self._terms.seconds), partial(read, kind=tuple[str])
        return [row[0] async for row, _ in self._stream("version", limit, parse, self._terms.begin(), statement, END)]

    async def lineage(self, wanted: Globs) -> Lineage:
        """As PostgreSQL has it; a log group that the source names is told not to have been read."""
        found = await super().lineage(wanted)
        if self._log_group is None:
            return found
        return structs.replace(found, history=History(read_from=f"CloudWatch {self._log_group}", missing=NOT_READ))
