"""What both ways to run statements share: the workspace, the token, and the principal."""

from abc import abstractmethod
from collections.abc import AsyncGenerator
from typing import ClassVar

from datasources.databases.databricks.model import DatabricksOptions, DatabricksSource
from datasources.databases.databricks.tokens import token_of
from datasources.databases.warehouse.asker import Asker, Row
from datasources.databases.warehouse.errors import Refused
from datasources.databases.warehouse.http import Way
from datasources.model.vocabulary import ErrorCode

CANCEL_SECONDS = 1.0
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Seconds between two requests for the state of a running statement."""


class DatabricksAsker(Asker):
    """Runs one principal's statements in one workspace. Subclasses open the connection and name the product."""

    product: ClassVar[str]
    release: ClassVar[str]
    """The field of `current_version()` that has the product's version."""

    def __init__(self, way: Way, source: DatabricksSource) -> None:
        super().__init__()
        self._way = way
        self._source = source
        self._options: DatabricksOptions = source.options
        host = f"[{self._options.host}]" if ":" in self._options.host else self._options.host
        self._base = f"http{'s' if self._options.tls else ''}://{host}:{self._options.port}"
        self._token = ""
        self.tls = self._options.tls
        self.database = self._options.database or ""

    async def log_in(self) -> None:
        """Get a token, and ask for the principal, the current catalog and the version."""
        self._token = await token_of(self._source, self._way, self._base)
        await self.begin()
        ((self.user, self.database),) = await self.rows("SELECT current_user(), current_catalog()")
        try:
            ((version,),) = await self.rows(f"SELECT current_version().{self.release}")
            self.version = f"{self.product} {str(version)[:100]}"
        except Refused as error:
            if error.code is not ErrorCode.QUERY_ERROR:
                raise
            ((version,),) = await self.rows("SELECT version()")
            self.version = f"Spark {str(version).split(' ')[0][:100]}"

    async def begin(self) -> None:
        """Open what statements need, before the first one runs. Raises `Refused`."""

    @abstractmethod
    def query_pages(self, query: str) -> AsyncGenerator[list[Row], None]:
        """The pages of a test query; the caller reads only the first row."""
