"""A call of Hive's service over Thrift, as bytes: whose session it is of, and which statement is to run, for a double to change.

Thrift's binary protocol says of every field what it is, so that no interface is needed to find one: a struct is a row of
(type, number, value), and ends with a zero.
"""

import struct
from dataclasses import dataclass

STRUCT, STRING, I32 = 12, 11, 8
WIDTHS = {2: 1, 3: 1, 4: 8, 6: 2, 8: 4, 10: 8}
"""Of bool, byte, double, i16, i32, i64."""


@dataclass(frozen=True)
class Call:
    """One call, and where in it its session and its statement lie, with the lengths before them."""

    body: bytes
    function: str
    session: bytes
    statement: str
    place: tuple[int, int]

    def with_statement(self, statement: str) -> bytes:
        """The same call for another statement."""
        start, end = self.place
        return self.body[:start] + text(statement) + self.body[end:]

    def refusal(self, sqlstate: str, message: str) -> bytes:
        """What a server answers that cannot run the statement: an error status."""
        status = (
            field(I32, 1, struct.pack("!i", 3)) + field(STRING, 3, text(sqlstate)) + field(STRING, 5, text(message))
        )
        answer = field(STRUCT, 0, field(STRUCT, 1, status + b"\0") + b"\0") + b"\0"
        return struct.pack("!I", 0x80010002) + text(self.function) + struct.pack("!i", 1) + answer


def call_in(body: bytes) -> Call:
    """The call in this body; only `ExecuteStatement` has a statement."""
    (length,) = struct.unpack_from("!i", body, 4)
    function = body[8 : 8 + length].decode()
    request = fields_at(body, 12 + length)[0][1][0]
    session, statement, place = b"", "", (0, 0)
    if function == "ExecuteStatement":
        found = fields_at(body, request)[0]
        session = body[slice(*found[1])]
        start, end = place = found[2]
        statement = body[start + 4 : end].decode()
    return Call(body, function, session, statement, place)


def fields_at(body: bytes, at: int) -> tuple[dict[int, tuple[int, int]], int]:
    """Where each field of a struct begins and ends, by number, and where the struct does."""
    found = {}
    while (kind := body[at]) != 0:
        (number,) = struct.unpack_from("!h", body, at + 1)
        end = end_of(body, kind, at + 3)
        found[number] = (at + 3, end)
        at = end
    return found, at + 1


def end_of(body: bytes, kind: int, at: int) -> int:
    """Where a value of this type ends."""
    if kind in WIDTHS:
        return at + WIDTHS[kind]
    if kind == STRING:
        return at + 4 + int(struct.unpack_from("!i", body, at)[0])
    if kind == STRUCT:
        return fields_at(body, at)[1]
    kinds = [body[at]] if kind in (14, 15) else [body[at], body[at + 1]]
    (size,) = struct.unpack_from("!i", body, at + len(kinds))
    at += len(kinds) + 4
    for _ in range(size):
        for each in kinds:
            at = end_of(body, each, at)
    return at


def field(kind: int, number: int, value: bytes) -> bytes:
    return struct.pack("!bh", kind, number) + value


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("!i", len(data)) + data
