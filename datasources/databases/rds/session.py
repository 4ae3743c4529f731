"""One open connection to PostgreSQL at Amazon."""

from datasources.databases.postgres.connect import Opened
from datasources.databases.postgres.history.past import Past, together
from datasources.databases.postgres.session import VERSION_LIMIT, PgSession
from datasources.databases.postgres.transaction import Terms
from datasources.databases.rds.cloudwatch import NO_KEY, NOT_LOGGED, Place, logged, place_of
from datasources.databases.rds.model import AuroraSource, RdsSource

HAS_AURORA = "SELECT proname::text FROM pg_proc WHERE proname = 'aurora_version' AND pronargs = 0"
"""By its name: the function stands in the system's schema on Aurora, and nowhere else."""
AURORA = "SELECT aurora_version()::text"
SETTING = """
SELECT current_setting('log_statement') WHERE current_setting('log_min_duration_statement') = '-1'
"""
"""Where no statement is logged for how long it took."""
SILENT = ("none", "ddl")


class RdsSession(PgSession):
    """PostgreSQL's session, which also knows Aurora's own version, and the log of statements in CloudWatch."""

    def __init__(self, opened: Opened, terms: Terms, source: RdsSource | AuroraSource) -> None:
        super().__init__(opened, terms)
        self._source = source
        self.log_place: Place | None = place_of(source.options)
        """Where the log of statements is, if the source says so."""

    async def version(self) -> str:
        """Like `PostgreSQL 16.4 (Aurora 16.4.1)`, or as PostgreSQL has it where there is no Aurora."""
        known = await super().version()
        return f"{known} (Aurora {found[:VERSION_LIMIT]})" if (found := await self._aurora()) else known

    async def _aurora(self) -> str | None:
        if not await self._read("version", HAS_AURORA, tuple[str]):
            return None
        return next((text for (text,) in await self._read("version", AURORA, tuple[str])), None)

    async def _past(self) -> Past:
        """What pg_stat_statements remembers, and what the log group has that the source names."""
        group = self._source.options.aws_cloudwatch_log_group
        known = await super()._past()
        return known if group is None else together([known, await self._logged(group)])

    async def _logged(self, group: str) -> Past:
        if self.log_place is None:
            return Past(read_from=f"CloudWatch {group}", missing=NO_KEY)
        settings = [setting for (setting,) in await self._read("history", SETTING, tuple[str])]
        found = await logged(self._source, self.log_place, (await self._identity()).database)
        if found.missing is None and settings and settings[0] in SILENT:
            return Past(read_from=found.read_from, texts=found.texts, missing=NOT_LOGGED.format(setting=settings[0]))
        return found
