"""What every store of objects has to do; one that answers brings a `StoreEngine`."""

import asyncio
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from datasources.databases.globs import Globs
from datasources.databases.objects.database import StoreDatabase
from datasources.databases.objects.model import Endpoint
from datasources.databases.scratch import MARKED, leftovers, marked_name
from datasources.model.errors import CheckError
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from tasks.steps import connection, schema_download, temp_schema, version_probe
from tests.datasources.databases.contract import HOUR, check_of, skipped
from tests.fixtures.deadline import keeps_the_promise, spending
from tests.fixtures.identity import telltale_machine, told_by
from tests.fixtures.servers.database import free_port
from tests.fixtures.servers.ear import ear
from tests.fixtures.servers.silent import MODES, lane
from tests.labels import Level, note

OBJECTS = (
    "orders/day=2026-01-01/a.parquet",
    "orders/day=2026-01-02/b.parquet",
    "customer/all.csv",
    "notes.txt",
    "empty/",
)
KINDS = {"orders": "folder", "customer": "folder", "notes.txt": "file"}
"""What is made of them."""
LOCKED = "locked"
"""A prefix without rights."""


class StoreEngine(ABC):
    """A store with a bucket that holds `OBJECTS`; our user may list it, and write below `scratch` alone."""

    kind: type[StoreDatabase]
    level: Level = "emulator"
    version: str
    user: str
    database: str
    schema: str
    """Bucket or container, as tables have it."""
    scratch = "scratch"
    host = "localhost"
    port: int
    identity: Path
    """The folder of the server's certificate and key."""

    @abstractmethod
    def source(self, *, temp_schema: str | None = None, port: int | None = None, **options: Any) -> Source:
        """A source on this bucket, with some options changed; `port` is where its endpoint listens."""

    @abstractmethod
    def put(self, names: list[str]) -> None:
        """Write objects below `scratch`."""

    @abstractmethod
    def names(self) -> set[str]:
        """Names of the objects below `scratch`."""

    @abstractmethod
    def empty(self) -> None:
        """Delete them."""

    @abstractmethod
    def spoil(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put working credentials of another user, and other addresses, into the worker's environment."""


class StoreContract:
    """What every store has to do."""

    wrong: ClassVar[dict[str, Any]]
    """Options of a login that is refused."""
    missing: ClassVar[dict[str, Any]]
    """Options without the secret."""
    nowhere: ClassVar[dict[str, Any]]
    """Options of a bucket or account that is not there."""
    no_bucket: ClassVar[set[ErrorCode]] = {ErrorCode.DATABASE_NOT_FOUND}

    @pytest.fixture(autouse=True)
    def clean(self, engine: StoreEngine) -> Any:
        """Each test finds nothing below `scratch`."""
        note(engine)
        engine.empty()
        yield
        engine.empty()

    async def failure(self, engine: StoreEngine, source: Source) -> CheckError:
        """What connecting to it raises, without its secrets."""
        with pytest.raises(CheckError) as caught:
            async with engine.kind.connect(source):
                pass
        for secret in source.options.secrets().values():
            assert secret not in f"{caught.value} {caught.value.details}"
        return caught.value

    async def test_identity_and_version(self, engine: StoreEngine) -> None:
        """Who we are over there, over what, and how long each stage took."""
        check = check_of(engine.source())
        found = await connection.run(check)
        assert {name: found.details[name] for name in ("user", "database", "tls")} == {
            "user": engine.user, "database": engine.database, "tls": True,
        }  # fmt: skip
        assert {*found.details["stages_ms"]} == {"resolve", "tcp", "login"}
        assert (await version_probe.run(check_of(engine.source()))).message == check.recorder.version == engine.version

    async def test_folders(self, engine: StoreEngine) -> None:
        """Objects make folders and files; partitions belong to their folder, and the lists leave out what they name."""
        async with engine.kind.connect(engine.source()) as session:
            tables = [table async for batch in session.tables(Globs('orders\ncust*\n"notes.txt"')) for table in batch]
        assert {table.name: table.kind for table in tables} == KINDS
        assert {table.schema for table in tables} == {engine.schema}
        (orders,) = [table for table in tables if table.name == "orders"]
        assert (orders.columns, orders.comment) == ([], "2 objects, 8 bytes")
        found = await schema_download.run(check_of(engine.source()))
        assert found.details["kinds"] == {"folder": 2, "file": 1}

    async def test_a_test_leaves_nothing(self, engine: StoreEngine) -> None:
        """The object of a test is written, read and gone, below temp_schema or else materialize_path."""
        sources = [
            engine.source(temp_schema=self.place(engine, engine.scratch)),
            engine.source(materialize_path=f"/{self.place(engine, engine.scratch)}/"),
        ]
        for source in sources:
            found = await temp_schema.run(check_of(source))
            assert found.message == f'Prefix "{engine.database}"."{self.place(engine, engine.scratch)}" is writeable'
            assert engine.names() == set()

    def place(self, engine: StoreEngine, prefix: str) -> str:
        """A prefix as the source names it."""
        return prefix

    async def test_only_old_objects_of_ours_are_swept(self, engine: StoreEngine) -> None:
        """Older than an hour and with our mark, or it stays; the step says what it removed."""
        now = time.time()
        old = {marked_name(now - HOUR - 300), marked_name(now - 400 * 24 * HOUR)}
        others = {marked_name(now - HOUR + 300), "sourcecheck_tmp_mine", "mine"}
        engine.put([*old, *others])
        found = await temp_schema.run(check_of(engine.source(temp_schema=self.place(engine, engine.scratch))))
        assert set(found.details["swept"]) == old
        assert engine.names() == others

    async def test_what_a_cut_leaves_has_our_mark(self, engine: StoreEngine) -> None:
        """Cut off at any moment, a test leaves nothing, or an object that a later test will know and remove."""
        for number in range(6):
            async with engine.kind.connect(engine.source(), read_only=False) as session:
                with suppress(TimeoutError, CheckError):
                    async with asyncio.timeout(0.01 * number):
                        await session.write_and_drop(self.place(engine, engine.scratch))
        left = engine.names()
        assert all(MARKED.fullmatch(name) for name in left)
        assert set(leftovers(left, time.time() + 2 * HOUR)) == left

    async def test_steps_that_it_lacks_say_why(self, engine: StoreEngine) -> None:
        """Lineage and a test query are skipped, each with a sentence."""
        assert set(engine.kind.lacks) == {"lineage_download", "test_query"}
        for name, reason in engine.kind.lacks.items():
            await skipped(engine, name, reason)  # type: ignore[arg-type]

    async def test_refused_login(self, engine: StoreEngine) -> None:
        """What the service does not know is AUTHENTICATION_FAILED."""
        error = await self.failure(engine, engine.source(**self.wrong))
        assert error.code is ErrorCode.AUTHENTICATION_FAILED

    async def test_the_environment_lends_nothing(self, engine: StoreEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        """Null is no login, whatever the worker could log in with; and a source with a login reaches its own address."""
        engine.spoil(monkeypatch)
        error = await self.failure(engine, engine.source(**self.missing))
        assert error.code is ErrorCode.AUTHENTICATION_FAILED
        assert "never used" in error.message
        assert error.details["secret_missing"] is True
        async with engine.kind.connect(engine.source()) as session:
            assert (await session.identity()).user == engine.user

    async def test_what_the_service_learns_of_the_worker(self, engine: StoreEngine) -> None:
        """Who asks, and neither where nor as whom it runs (security row 34)."""
        with telltale_machine(), ear(engine.port, secured=True, identity=engine.identity) as way:
            async with engine.kind.connect(engine.source(port=way.port), read_only=False) as session:
                assert [batch async for batch in session.tables(Globs())]
                await session.write_and_drop(self.place(engine, engine.scratch))
            assert b"User-Agent: sourcecheck" in way.heard
            assert told_by(way.heard) == []

    async def test_what_is_not_there(self, engine: StoreEngine) -> None:
        """A bucket that is not there, a port where nothing listens, a host that DNS does not know."""
        error = await self.failure(engine, engine.source(**self.nowhere))
        assert error.code in self.no_bucket
        error = await self.failure(engine, engine.source(port=free_port()))
        assert (error.code, error.details["stage"]) == (ErrorCode.CONNECTION_ERROR, "tcp")
        error = await self.failure(engine, engine.source(endpoint="https://no-such-host.invalid"))
        assert error.code is ErrorCode.HOST_NOT_FOUND

    async def test_forbidden_destination(self, engine: StoreEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        """The policy on addresses is asked."""
        monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "false")
        error = await self.failure(engine, engine.source())
        assert error.code is ErrorCode.DESTINATION_FORBIDDEN

    async def test_an_authority_that_is_not_ours(self, engine: StoreEngine) -> None:
        """TLS is verified, always."""
        error = await self.failure(engine, engine.source(rootcert=None))
        assert (error.code, error.details["stage"]) == (ErrorCode.TLS_ERROR, "tls")

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_bad_server_at_login(self, engine: StoreEngine, mode: str) -> None:
        """Silent, dripping or half-closing from the beginning: the limit holds."""

        async def once() -> float:
            with lane(engine.port) as way:
                way.turn(mode)
                source = msgspec.structs.replace(engine.source(port=way.port), connection_timeout=1)
                with spending() as spent:
                    error = await self.failure(engine, source)
            assert error.code in {ErrorCode.TIMEOUT, ErrorCode.CONNECTION_ERROR, ErrorCode.TLS_ERROR}
            assert error.details["stage"]
            return spent.seconds

        await keeps_the_promise(1, once)

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_bad_server_in_the_middle(self, engine: StoreEngine, mode: str) -> None:
        """A server that turns bad after the login: each question keeps the limit, and so does leaving."""

        async def once() -> float:
            with lane(engine.port) as way, ExitStack() as stack:
                source = msgspec.structs.replace(engine.source(port=way.port), query_timeout=1)
                with pytest.raises(CheckError) as caught:
                    async with engine.kind.connect(source, patience=1) as session:
                        way.turn(mode)
                        spent = stack.enter_context(spending())
                        async for _ in session.tables(Globs()):
                            pass
                stack.close()
            assert caught.value.code in {ErrorCode.TIMEOUT, ErrorCode.CONNECTION_ERROR, ErrorCode.TLS_ERROR}
            return spent.seconds

        await keeps_the_promise(1, once)

    def test_endpoints_that_are_none(self, engine: StoreEngine) -> None:
        """Only HTTPS, only one host, no user, nothing behind the path."""
        for text in (
            "http://host:80",
            "https://",
            "https://user@host",
            "https://a,b",
            "https://host?x=1",
            "ftp://host",
            "https://host:99999",
        ):
            with pytest.raises(ValueError, match="endpoint"):
                engine.source(endpoint=text)
        assert Endpoint.parse(" https://HOST:9000/path/ ").url == "https://host:9000/path"


class RightsContract(StoreContract):
    """What every store has to do whose emulator knows rights."""

    async def test_a_prefix_without_rights(self, engine: StoreEngine) -> None:
        """It has a code of its own, and the message names the object."""
        with pytest.raises(CheckError) as caught:
            await temp_schema.run(check_of(engine.source(temp_schema=self.place(engine, LOCKED))))
        assert caught.value.code is ErrorCode.PERMISSION_DENIED
        assert "sourcecheck_tmp_" in caught.value.message
