"""Answers that are too large to be held: written piece by piece, as one JSON object or as lines of JSON (NDJSON)."""

import base64
import binascii
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar import Response
from litestar.params import QueryParameter
from litestar.response import Stream

from api.wire.errors import Invalid
from api.wire.kept_schema import table_of
from api.wire.registration import is_storable
from datasources.databases.base import Table

LINES = "application/x-ndjson"
T = TypeVar("T")

Part = Literal["schema", "lineage"]
Moment = datetime
FormatName = Literal["json", "ndjson"]
Format = Annotated[
    FormatName, QueryParameter(name="format", description="`ndjson`: all of it, one object per line, without pages")
]
PageLimit = Annotated[int, QueryParameter(ge=1, le=1000, description="Items per page")]
Cursor = Annotated[str | None, QueryParameter(max_length=3000, description="`next_cursor` of the page before")]


def write_cursor(place: Any) -> str:
    """A place in a list as a word for clients, which they send back as it is."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read_cursor(cursor: str | None, kind: type[T]) -> T | None:
    """The place that a word stands for. Raises `Invalid` for one that is none of ours."""
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        plain = msgspec.json.decode(raw)
        if not is_storable(plain):
            raise ValueError("a place that is in no list")
        return msgspec.convert(plain, kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise Invalid(["query", "cursor"], "Not a cursor from a page of this list") from error


def in_utc(moment: datetime | None) -> datetime | None:
    """A moment without a zone is meant in UTC."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


async def at_once(items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """What is held already, as one batch."""
    yield items


def lines(batches: AsyncIterator[Sequence[T]], shown: Callable[[T], Any]) -> Response[Any]:
    """An answer of one object a line, each as it is shown."""
    encoder = msgspec.json.Encoder()

    async def pieces() -> AsyncIterator[bytes]:
        async for batch in batches:
            yield encoder.encode_lines([shown(item) for item in batch])

    return Stream(pieces(), media_type=LINES)


def table_lines(
    source_id: int, batches: AsyncIterator[list[Table]], discovered_at: datetime | None, *, columns: bool
) -> Response[Any]:
    """One table a line, with its schema's name."""

    def shown(table: Table) -> dict[str, Any]:
        assert discovered_at is not None  # noqa: S101 -- or there would be no table
        place = {"data_source_id": source_id, "schema_name": table.schema}
        return place | msgspec.structs.asdict(table_of(table, discovered_at, columns=columns))

    return lines(batches, shown)


def schemas(
    source_id: int, batches: AsyncIterator[list[Table]], discovered_at: datetime | None, message: str, *, columns: bool
) -> Response[Any]:
    """The envelope with every table by schema, written while the tables are read."""
    encode = msgspec.json.encode

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"success":true,"data":{"data_source_id":%d,"schemas":[' % source_id
        schema: str | None = None
        async for batch in batches:
            written = bytearray()
            for table in batch:
                if table.schema != schema:
                    written += b"]}," if schema is not None else b""
                    written += b'{"schema_name":%b,"tables":[' % encode(table.schema)
                    schema = table.schema
                else:
                    written += b","
                assert discovered_at is not None  # noqa: S101 -- or there would be no table
                written += encode(table_of(table, discovered_at, columns=columns))
            yield bytes(written)
        yield b"]}" if schema is not None else b""
        yield b'],"last_discovered_at":%b},"message":%b}' % (encode(discovered_at), encode(message))

    return Stream(pieces(), media_type="application/json")
