"""Writes and reads the messages that we use of Hive's Thrift service for SQL (`TCLIService`).

Numbers and types of fields are those of its published interface (Apache Hive, service-rpc/if/TCLIService.thrift), which
Spark's own server and Databricks' clusters speak. Needs Apache's `thrift`, so only the cluster's asker imports it.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, ClassVar, TypeVar

from thrift.protocol.TBase import TBase
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TException, TMessageType, TType
from thrift.transport.TTransport import TMemoryBuffer

from datasources.databases.warehouse.asker import Row
from datasources.databases.warehouse.errors import Refused
from datasources.model.vocabulary import ErrorCode

MessageT = TypeVar("MessageT", bound="Message")

PROTOCOL = 5
"""HIVE_CLI_SERVICE_PROTOCOL_V6, the first version that sends columns instead of rows; every server supports it."""
LONGEST_LIST = 10_000
"""Rows or columns in one answer: more than we ask for, and the most that a hostile server can make us build."""
UNREADABLE = (TException, EOFError, RecursionError, LookupError, TypeError, ValueError)
"""What reading raises for an answer that is not such a message."""


class Code(IntEnum):
    """The code of a `Status` (TStatusCode)."""

    success = 0
    success_with_info = 1
    still_executing = 2
    error = 3
    invalid_handle = 4


class State(IntEnum):
    """The state of an operation (TOperationState)."""

    initialized = 0
    running = 1
    finished = 2
    canceled = 3
    closed = 4
    error = 5
    unknown = 6
    pending = 7
    timed_out = 8


def fields(*given: tuple[int, int, str, Any]) -> tuple[Any, ...]:
    """Number, type, name and inner type of each field, as Thrift's own compiler writes them: a field at its number."""
    table: list[Any] = [None] * (max(number for number, *_ in given) + 1)
    for number, kind, name, inner in given:
        table[number] = (number, kind, name, inner, None)
    return tuple(table)


def struct(number: int, name: str, kind: type["Message"]) -> tuple[int, int, str, Any]:
    """A field that is a message itself."""
    return number, TType.STRUCT, name, [kind, None]


class Message(TBase):  # type: ignore[misc,unused-ignore]
    """A message or a part of one; a field that was not sent is None."""

    thrift_spec: ClassVar[tuple[Any, ...]]

    def __init__(self, **given: Any) -> None:
        for field in filter(None, self.thrift_spec):
            setattr(self, field[2], given.get(field[2]))


class Identifier(Message):
    """The server's identifier of a session or an operation (THandleIdentifier)."""

    thrift_spec = fields((1, TType.STRING, "guid", "BINARY"), (2, TType.STRING, "secret", "BINARY"))


class Status(Message):
    """How a request ended (TStatus)."""

    thrift_spec = fields(
        (1, TType.I32, "code", None),
        (3, TType.STRING, "sqlstate", "UTF8"),
        (5, TType.STRING, "message", "UTF8"),
    )


class SessionHandle(Message):
    """TSessionHandle."""

    thrift_spec = fields(struct(1, "id", Identifier))


class OperationHandle(Message):
    """TOperationHandle: we send it back unchanged."""

    thrift_spec = fields(struct(1, "id", Identifier), (2, TType.I32, "kind", None), (3, TType.BOOL, "has_rows", None))


class OpenSession(Message):
    """TOpenSessionReq; the HTTP request's token says who asks."""

    thrift_spec = fields((1, TType.I32, "protocol", None))


class SessionOpened(Message):
    """TOpenSessionResp."""

    thrift_spec = fields(
        struct(1, "status", Status), (2, TType.I32, "protocol", None), struct(3, "session", SessionHandle)
    )


class CloseSession(Message):
    """TCloseSessionReq."""

    thrift_spec = fields(struct(1, "session", SessionHandle))


class ExecuteStatement(Message):
    """TExecuteStatementReq; `at_once` makes the server answer before the statement has ended."""

    thrift_spec = fields(
        struct(1, "session", SessionHandle), (2, TType.STRING, "statement", "UTF8"), (4, TType.BOOL, "at_once", None)
    )


class StatementBegun(Message):
    """TExecuteStatementResp."""

    thrift_spec = fields(struct(1, "status", Status), struct(2, "operation", OperationHandle))


class OfOperation(Message):
    """TGetOperationStatusReq and TCancelOperationReq."""

    thrift_spec = fields(struct(1, "operation", OperationHandle))


class OperationStatus(Message):
    """TGetOperationStatusResp; `shown` is Databricks' own field, a message without Java's stack."""

    thrift_spec = fields(
        struct(1, "status", Status),
        (2, TType.I32, "state", None),
        (3, TType.STRING, "sqlstate", "UTF8"),
        (5, TType.STRING, "message", "UTF8"),
        (0x501, TType.STRING, "shown", "UTF8"),
    )


class Answered(Message):
    """TCancelOperationResp and TCloseSessionResp."""

    thrift_spec = fields(struct(1, "status", Status))


class FetchResults(Message):
    """TFetchResultsReq: the next rows (orientation 0)."""

    thrift_spec = fields(
        struct(1, "operation", OperationHandle), (2, TType.I32, "orientation", None), (3, TType.I64, "most", None)
    )


def _column(kind: int, inner: str | None = None) -> type[Message]:
    """The values of a column, with a bit for each that says whether it is null."""
    spec = fields((1, TType.LIST, "values", (kind, inner, False)), (2, TType.STRING, "nulls", "BINARY"))
    return type("Values", (Message,), {"thrift_spec": spec})


class Column(Message):
    """TColumn: exactly one of these is set."""

    thrift_spec = fields(
        struct(1, "bools", _column(TType.BOOL)),
        struct(2, "bytes", _column(TType.BYTE)),
        struct(3, "shorts", _column(TType.I16)),
        struct(4, "ints", _column(TType.I32)),
        struct(5, "longs", _column(TType.I64)),
        struct(6, "doubles", _column(TType.DOUBLE)),
        struct(7, "texts", _column(TType.STRING, "UTF8")),
        struct(8, "binaries", _column(TType.STRING, "BINARY")),
    )

    def cells(self) -> list[Any]:
        """The values from the first row on, booleans as SQL writes them. Raises `ValueError` if no list is set."""
        for field in filter(None, self.thrift_spec):
            if (found := getattr(self, field[2])) is not None:
                values = found.values or []
                if field[2] == "bools":
                    values = ["true" if value else "false" for value in values]
                nulls = found.nulls or b""
                return [None if is_set(nulls, row) else value for row, value in enumerate(values)]
        raise ValueError("a column of no type")


class Foreign(Message):
    """A part in a form that we do not read."""

    thrift_spec = fields((1, TType.STRING, "data", "BINARY"))


def is_set(bits: bytes, number: int) -> bool:
    """Whether a bit is set; bits that were not sent are not."""
    return number >> 3 < len(bits) and bool(bits[number >> 3] >> (number & 7) & 1)


class RowSet(Message):
    """TRowSet, by columns. We ask for no other form: older servers send rows, Databricks the last two."""

    thrift_spec = fields(
        (2, TType.LIST, "rows", (TType.STRUCT, [Foreign, None], False)),
        (3, TType.LIST, "columns", (TType.STRUCT, [Column, None], False)),
        (0x501, TType.LIST, "arrow", (TType.STRUCT, [Foreign, None], False)),
        (0x502, TType.LIST, "links", (TType.STRUCT, [Foreign, None], False)),
    )


class Fetched(Message):
    """TFetchResultsResp."""

    thrift_spec = fields(struct(1, "status", Status), (2, TType.BOOL, "has_more", None), struct(3, "results", RowSet))

    def rows(self) -> list[Row] | None:
        """The rows; None if the statement returns none. Raises `ValueError` unless all columns have the same length."""
        found = self.results
        if found is None or found.rows or found.arrow is not None or found.links is not None:
            raise ValueError("rows in another form")
        if not found.columns:
            return None
        return [list(row) for row in zip(*(column.cells() for column in found.columns), strict=True)]


ANSWERS: dict[str, Callable[[], Message]] = {
    "OpenSession": SessionOpened,
    "CloseSession": Answered,
    "ExecuteStatement": StatementBegun,
    "GetOperationStatus": OperationStatus,
    "CancelOperation": Answered,
    "FetchResults": Fetched,
}
"""The message that each function of the service returns."""


def written(function: str, request: Message) -> bytes:
    """The body of a call of one of the service's functions."""
    protocol = TBinaryProtocol(TMemoryBuffer())
    protocol.writeMessageBegin(function, TMessageType.CALL, 1)
    protocol.writeFieldBegin("req", TType.STRUCT, 1)
    request.write(protocol)
    protocol.writeFieldStop()
    protocol.writeMessageEnd()
    made: bytes = protocol.trans.getvalue()
    return made


def read(function: str, body: bytes) -> Any:
    """Parse this function's answer. Raises `Refused` for a refused call, `ValueError` for any other body."""
    try:
        return _read(function, body)
    except UNREADABLE as error:
        raise ValueError(f"no answer to {function}") from error


def _read(function: str, body: bytes) -> Message:
    protocol = TBinaryProtocol(
        TMemoryBuffer(body), strictRead=True, string_length_limit=len(body), container_length_limit=LONGEST_LIST
    )
    name, kind, _ = protocol.readMessageBegin()
    if kind == TMessageType.EXCEPTION:
        refused = TApplicationException()
        refused.read(protocol)
        raise Refused(ErrorCode.PROTOCOL_ERROR, refused.message or "The server refused the call")
    _, field, number = protocol.readFieldBegin()
    if (name, kind, field, number) != (function, TMessageType.REPLY, TType.STRUCT, 0):
        raise ValueError("another answer")
    answer = ANSWERS[function]()
    answer.read(protocol)
    return answer
