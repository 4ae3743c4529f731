"""SQLAlchemy's way to PostgreSQL for Prefect's server, without a question before each use of a connection."""

import time
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

TRUSTED_SECONDS = 5.0
"""How long a connection that has answered counts as alive; one that the server closes is noticed at once."""


class TrustingDialect(PGDialect_asyncpg):
    """asyncpg's dialect, but that a connection is asked once in a while whether it lives, not before each use."""

    supports_statement_cache = True

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)  # type: ignore[no-untyped-call]
        self._answered: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
        """When each connection has answered last, in monotonic seconds."""

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Whether the connection lives; the pool makes another one in place of one that does not."""
        driver, now = dbapi_connection.driver_connection, time.monotonic()
        if driver.is_closed():
            return False
        if now - self._answered.get(driver, 0.0) > TRUSTED_SECONDS:
            super().do_ping(dbapi_connection)  # type: ignore[no-untyped-call]
            self._answered[driver] = now
        return True


def trust_connections() -> None:
    """Have every engine that is made from now on with `postgresql+asyncpg` use it.

    Prefect's server has its pool ask, in three statements, 25 times a test: a twentieth of what it does. It has no
    setting for it.
    """
    registry.register("postgresql.asyncpg", __name__, TrustingDialect.__name__)
