"""The server's room for private and undocumented parts of Prefect: nothing else in this folder touches one.

For each: why, and which public way was missing. `tests/deployments/test_prefect_seams.py` says in words what breaks
when a version of Prefect changes one; docs/upgrading-prefect.md says how to upgrade.
"""

import functools
import logging
import sys
import zoneinfo
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

JSON_FORMATTER = "PREFECT_LOGGING_FORMATTERS_JSON_CLASS"
CONSOLE_FORMATTER = "PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER"
API_LOG_LEVEL = "PREFECT_LOGGING_HANDLERS_API_LEVEL"
"""Entries of Prefect's `logging.yml` by name: that the environment changes them is documented, their names are not."""

ENGINE_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
"""Where the engine logs, and where `get_run_logger` does."""
ENGINES = ("flow_engine", "task_engine")
"""The engine's own modules, by which its lines are told from a flow's."""
REPORTS = ("Finished in state", "Task run failed with state", "Crash detected! Execution was cancelled")
"""How its lines begin that report a state; the second and third are errors to it whatever the state is about."""

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Where PostgreSQL counts from, in microseconds (PostgreSQL, "Date/Time Types")."""
TOKENS = 1000
"""Of so many clients at the most."""
MICROSECOND = timedelta(microseconds=1)


def load_server() -> Callable[[], Any]:
    """Import all of Prefect's server, and answer what makes the application that `prefect server start` serves.

    The command itself binds its port only when everything is loaded, and has no option for a socket that listens.
    """
    from prefect.server.api.server import create_app

    return functools.partial(create_app, final=True)


def start_prefect_logging() -> None:
    """Prefect's own logging in a process in which it runs no flow; it has no public call for that."""
    from prefect.logging.configuration import ensure_logging_setup

    ensure_logging_setup()


def says_what_the_state_says(record: logging.LogRecord) -> bool:
    """Whether a line of the engine's only repeats what the run's state says. No setting switches these lines off."""
    if record.module not in ENGINES:
        return False
    return record.levelno < logging.WARNING or record.getMessage().startswith(REPORTS)


def remember_time_zones() -> None:
    """Have the names of all time zones looked up once a process; call it before Prefect's server is imported.

    Prefect 3.8.8 walks through the files of all time zones once for each schedule it reads: most of what its server
    does with a hundred schedules. They do not change while a process runs. It has no setting for it.
    """
    zoneinfo.available_timezones = functools.cache(zoneinfo.available_timezones)


def plain_timestamps() -> None:
    """Give every connection to PostgreSQL that asyncpg makes from now on a codec of its own for times.

    asyncpg subtracts PostgreSQL's epoch from each time it sends. Up to Python 3.12 Prefect's times are pendulum's,
    whose subtraction makes an object of years, months and days: with some 300 times a flow run, 7 % of all the server
    did.
    From Python 3.13 on Prefect uses Python's own class, and nothing is done here.
    """
    if sys.version_info < (3, 13):
        event.listen(Pool, "connect", _teach)


def encode(time: datetime) -> tuple[int]:
    """The microseconds since the epoch, by the subtraction of Python's own class whatever the object's class is."""
    return (datetime.__sub__(time, EPOCH) // MICROSECOND,)


def decode(microseconds: tuple[int]) -> datetime:
    """The time in UTC; infinity is the last or first one that Python has, without a zone, as asyncpg itself says it."""
    try:
        return EPOCH + timedelta(microseconds=microseconds[0])
    except OverflowError:
        return datetime.max if microseconds[0] > 0 else datetime.min  # noqa: DTZ901


def _teach(connection: Any, _record: object) -> None:
    connection.run_async(
        lambda driver: driver.set_type_codec(
            "timestamptz", schema="pg_catalog", encoder=encode, decoder=decode, format="tuple"
        )
    )


AboutToken = Callable[..., Awaitable[Any]]
"""A function of Prefect's server about the token of one `client`, in a database `session`."""


class Tokens:
    """Which CSRF token each client has. Prefect's database says it, and nothing changes it there but `make`."""

    def __init__(self, read: AboutToken, make: AboutToken) -> None:
        self._read, self._make = read, make
        self._known: dict[str, Any] = {}
        self._making = Counter[str]()
        """New tokens under way, by client: until they are written, what is read may be of either."""

    async def read(self, *, session: Any, client: str) -> Any:
        """The client's token, from memory when it is known and has not ended; None where it has none."""
        known = None if client in self._making else self._known.get(client)
        if known is not None and known.expiration > datetime.now(UTC):
            return known
        found = await self._read(session=session, client=client)
        if client not in self._making and self._known.get(client) is known and found is not None:
            self._remember(client, found)
        return found

    async def make(self, *, session: Any, client: str) -> Any:
        """A new token, which ends the one before."""
        self._making[client] += 1
        try:
            made = await self._make(session=session, client=client)
        finally:
            self._making -= Counter({client: 1})
        self._remember(client, made)
        return made

    def _remember(self, client: str, token: Any) -> None:
        self._known[client] = token
        while len(self._known) > TOKENS:
            del self._known[next(iter(self._known))]


def remember_tokens() -> None:
    """Have this process, which is the only one that makes CSRF tokens, keep them in memory.

    Prefect's server reads the token of a request from its database each time, in a session of its own: a twelfth of
    what it does for a test. It has no setting for it.
    """
    from prefect.server.models import csrf_token

    tokens = Tokens(csrf_token.read_token_for_client, csrf_token.create_or_update_csrf_token)
    csrf_token.read_token_for_client = tokens.read
    csrf_token.create_or_update_csrf_token = tokens.make
