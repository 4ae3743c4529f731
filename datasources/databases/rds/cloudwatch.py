"""The log of statements that RDS sends to CloudWatch Logs, read by a key that the source has for that."""

import asyncio
import time
from typing import Any

import msgspec
from msgspec import Struct

from datasources.databases.aws.requests import call
from datasources.databases.aws.service import Service, host_of
from datasources.databases.aws.signing import AccessKey
from datasources.databases.flood import MEGABYTE
from datasources.databases.history.edges import MOST_STATEMENTS
from datasources.databases.limits import Limit
from datasources.databases.postgres.history.past import Past
from datasources.databases.postgres.history.texts import is_worth_reading
from datasources.databases.rds.log_lines import LogLines
from datasources.databases.rds.model import RdsOptions
from datasources.databases.warehouse.errors import translated
from datasources.databases.warehouse.http import Way, way_of
from datasources.model.errors import CheckError
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode

MOST_SECONDS = 60.0
"""For all requests together: the database's own records are there already, and wait for this."""
HOURS = (1, 6, 24, 72, 168)
"""How far back is looked, step by step: an answer begins with what is oldest, and what is newest is wanted."""
MOST_PAGES = 50
"""Requests; each looks at a megabyte of the log."""
MOST_BYTES = 16 * MEGABYTE
"""Of all texts together."""
PATTERN = '?"LOG:  statement: " ?"LOG:  execute " ?"LOG:  duration: "'
"""Entries of one of these kinds: CloudWatch sends no others."""
TARGET = "Logs_20140328"
NO_KEY = "the log group needs aws_access_key_id, aws_secret_access_key and aws_region beside it"
NOT_LOGGED = "log_statement is {setting}: set it to mod in the parameter group, and export the log to CloudWatch"
POLICY = (
    'allow the key to read the log group: {{"Effect": "Allow", "Action": "logs:FilterLogEvents", '
    '"Resource": "arn:{partition}:logs:{region}:*:log-group:{group}:*"}}'
)
REFUSALS = {
    ErrorCode.AUTHENTICATION_FAILED: "AWS does not take the access key ({message})",
    ErrorCode.PERMISSION_DENIED: POLICY,
}


class Place(Struct, frozen=True):
    """A log group, and the key for it."""

    group: str
    service: Service
    key: AccessKey


def place_of(options: RdsOptions) -> Place | None:
    """Where the source's log is; None where its options do not say all of it."""
    if not (
        options.aws_cloudwatch_log_group
        and options.aws_access_key_id
        and options.aws_secret_access_key
        and options.aws_region
    ):
        return None
    service = Service("logs", TARGET, options.aws_region, host_of("logs", options.aws_region))
    return Place(
        options.aws_cloudwatch_log_group, service, AccessKey(options.aws_access_key_id, options.aws_secret_access_key)
    )


async def logged(source: Source, place: Place, database: str) -> Past:
    """The statements of the last days that may have filled a table of this database; or why they were not read."""
    read_from, found = f"CloudWatch {place.group}", _Found(LogLines(database))
    try:
        async with way_of(source) as way, Limit(min(source.query_timeout, MOST_SECONDS)).round("history"):
            with translated("history"):
                await _look(way, place, found)
    except CheckError as error:
        if not found.hours:
            return Past(read_from=read_from, missing=_reason(error, place))
    return Past(read_from=f"{read_from} ({found.span})", texts=found.texts)


class Event(Struct, frozen=True):
    """One entry of the log."""

    message: str | None = None


class Page(Struct, frozen=True, rename="camel"):
    """What `FilterLogEvents` answers."""

    events: list[Event] | None = None
    next_token: str | None = None


class _Found:
    """What was read so far."""

    def __init__(self, lines: LogLines) -> None:
        self._lines = lines
        self._texts: dict[str, None] = {}
        self._size = 0
        self.pages = 0
        self.hours = 0
        """How far back everything was read."""

    @property
    def texts(self) -> list[str]:
        return list(self._texts)

    @property
    def span(self) -> str:
        """How far back it was read, in words."""
        return f"the last {self.hours} h" if self.hours else "a part of the last hour"

    @property
    def is_enough(self) -> bool:
        return self.pages >= MOST_PAGES or len(self._texts) >= MOST_STATEMENTS or self._size > MOST_BYTES

    def take(self, entry: str) -> None:
        text = self._lines.statement(entry)
        if text is not None and text not in self._texts and is_worth_reading(text):
            self._texts[text] = None
            self._size += len(text)


async def _look(way: Way, place: Place, found: _Found) -> None:
    """Read what is newest first, as far as the bounds let it."""
    now = time.time()
    since = now
    for hours in HOURS:
        until, since = since, now - hours * 3600
        asked: dict[str, Any] = {
            "logGroupName": place.group,
            "filterPattern": PATTERN,
            "startTime": int(since * 1000),
            "endTime": int(until * 1000) - (hours != HOURS[0]),  # the end counts
        }
        while True:
            page = msgspec.convert(await call(way, place.key, place.service, "FilterLogEvents", asked), Page)
            found.pages += 1
            for event in page.events or []:
                found.take(event.message or "")
            if found.is_enough:
                return
            if not page.next_token:
                break
            asked["nextToken"] = page.next_token
            await asyncio.sleep(0)
        found.hours = hours


def _reason(error: CheckError, place: Place) -> str:
    region = place.service.region
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    words = REFUSALS.get(error.code, "{message}")
    return words.format(message=error.message, partition=partition, region=region, group=place.group)
