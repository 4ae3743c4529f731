"""How Prefect's server writes times to PostgreSQL: without the arithmetic of pendulum.

asyncpg subtracts PostgreSQL's epoch from each time it sends. Up to Python 3.12 Prefect's times are pendulum's, whose
subtraction makes an object of years, months and days: with some 300 times a flow run, 7 % of all the server did.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Where PostgreSQL counts from, in microseconds (PostgreSQL, "Date/Time Types")."""
MICROSECOND = timedelta(microseconds=1)


def plain_timestamps() -> None:
    """Give every connection to PostgreSQL that asyncpg makes from now on a codec of its own for times."""
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
