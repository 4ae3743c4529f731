"""What a type has to do that nothing here answers for: all that needs no server."""

import contextlib
import socket
import threading
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

import msgspec
import pytest
import sqlglot
from sqlglot import exp

from datasources.databases.base import Database
from datasources.databases.read_only import Reading, judge
from datasources.model.errors import CheckError
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from tests.fixtures.deadline import keeps_the_promise, spending
from tests.fixtures.servers.silent import DRIP_SECONDS, MODES
from tests.labels import Level, note


class DocumentsContract:
    """One type, by its vendor's documents: options, errors, statements, and the deadline on a server that misbehaves."""

    kind: ClassVar[type[Database]]
    level: ClassVar[Level] = "documents"
    good: ClassVar[dict[str, Any]]
    """Options that a client may send, every published one among them."""
    wrong: ClassVar[list[dict[str, Any]]]
    """Changes of them that are refused."""
    codes: ClassVar[list[tuple[Any, ErrorCode]]]
    """What the server says, as `raised` takes it, and our code for it: every row of the type's table."""
    statements: ClassVar[list[str]]
    """Every statement of ours that only reads."""
    dialect: ClassVar[str | None] = None
    """sqlglot's word for the product's SQL; None where it knows none, so that its statements are not parsed."""

    @abstractmethod
    def source(self, port: int) -> Source:
        """A source on the loopback at this port."""

    @abstractmethod
    def raised(self, said: Any) -> AbstractContextManager[object]:
        """A block in which the driver's error for this is raised and translated."""

    @pytest.fixture(autouse=True)
    def _registered(self) -> None:
        note(self)

    def test_options(self) -> None:
        """The published ones are taken, and no others; what would be read as something else is refused."""
        options = self.kind.options
        made = msgspec.convert(self.good, options)
        assert {*self.good} <= {*options.__struct_fields__}
        for name, value in made.secrets().items():
            assert value not in repr(made), name
        for change in [*self.wrong, {"no_such_option": 1}]:
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert(self.good | change, options)

    def test_codes(self) -> None:
        """Each documented number or class has one meaning, and its number stays in the details."""
        for said, code in self.codes:
            with pytest.raises(CheckError) as caught, self.raised(said):
                pass
            assert caught.value.code is code, said
            assert caught.value.details["stage"], said

    def test_statements(self) -> None:
        """Each only reads, and is understood in the product's own dialect where sqlglot has it."""
        for statement in self.statements:
            assert judge(statement) is Reading.reads, statement
            if self.dialect is not None:
                parsed = sqlglot.parse(statement, dialect=self.dialect)
                assert len(parsed) == 1, statement
                assert not isinstance(parsed[0], exp.Command), statement

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_bad_server(self, mode: str) -> None:
        """Silent, dripping or half-closing from the beginning: the limit holds."""
        if self.kind.driver is not None and self.kind.driver.missing:
            pytest.skip(self.kind.driver.missing)

        async def once() -> float:
            with bad_server(mode) as port:
                source = msgspec.structs.replace(self.source(port), connection_timeout=1)
                with spending() as spent, pytest.raises(CheckError) as caught:
                    async with self.kind.open(source, read_only=True):
                        pass
            assert caught.value.code in {
                ErrorCode.TIMEOUT, ErrorCode.CONNECTION_ERROR, ErrorCode.PROTOCOL_ERROR, ErrorCode.TLS_ERROR
            }  # fmt: skip
            assert caught.value.details["stage"]
            return spent.seconds

        await keeps_the_promise(1, once)


@contextmanager
def bad_server(mode: str) -> Iterator[int]:
    """A port that accepts, and then is silent, sends a byte now and then, or says that no byte will come."""
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(near: socket.socket) -> None:
            with contextlib.suppress(OSError), near:
                if mode == "half-closing":
                    near.shutdown(socket.SHUT_WR)
                while not stopped.wait(DRIP_SECONDS):
                    if mode == "dripping":
                        near.sendall(b"\0")

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopped.set()
