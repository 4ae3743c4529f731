"""What every database has to do, whatever it is: one suite, which each runs on a server of its own.

A database brings an `Engine` and a class derived from `Contract`, or from `NetworkContract` if it is a server; a source
that takes no SQL derives from `SourceContract`, or from `ServerContract`.
"""

import asyncio
import re
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack, suppress
from typing import Any, ClassVar

import msgspec
import pytest

from datasources.databases.base import Database, Identity, Origin, Table
from datasources.databases.globs import Globs
from datasources.databases.scratch import LEFTOVER_SECONDS, MARKED, leftovers, marked_name
from datasources.model.errors import CheckError
from datasources.model.results import Finding
from datasources.model.source import Source
from datasources.model.steps import TEST_QUERY
from datasources.model.vocabulary import Code, ErrorCode, Outcome
from datasources.network.tls import WARNINGS
from datasources.secrecy.scrubber import Scrubber
from tasks import judge
from tasks.context import StepContext
from tasks.steps import connection, custom_query, lineage_download, schema_download, temp_schema, version_probe
from tests.fixtures.deadline import keeps_the_promise, spending
from tests.fixtures.identity import telltale_machine, told_by
from tests.fixtures.servers.database import PASSWORD, free_port
from tests.fixtures.servers.ear import ear
from tests.fixtures.servers.silent import MODES, lane
from tests.labels import Level, note

HOUR = LEFTOVER_SECONDS


class Engine(ABC):
    """One database with the same content: `shop` with two tables and two views, `scratch` to write to."""

    kind: type[Database]
    level: Level
    """What answers: the label on the type says the same."""
    version: str
    """What `version()` begins with."""
    shop: str = "shop"
    scratch: str = "scratch"
    missing: str = "missing"
    """A schema that is not there."""
    locked: str | None = "locked"
    """A schema in which the user may make nothing; None where there are no such rights."""
    user: str | None = "reader"
    database: str
    catalog: str | None = None
    """What stands before the schema in a glob of three parts, if that is not the database."""
    types: dict[str, str]
    """Columns of `orders` and their types, as the server writes them."""
    kinds: dict[str, str] = {"customer": "table", "orders": "table", "totals": "view", "best": "view"}
    """What `shop` has, by name."""
    comments: bool = True
    """Whether the product knows comments."""
    references: bool = True
    """Whether the product knows foreign keys."""
    default: str | None = None
    """The default of `customer.name`, as the server writes it; None where the product knows no defaults."""
    definitions: bool = True
    """Whether the texts of views can be read: that of `totals` then names `customer_id`."""
    origin: Origin = Origin.view_text
    """Where the edges of `lineage` are learnt."""
    keys: bool = True
    """Whether the product knows primary keys."""
    not_null: bool = True
    """Whether the product knows columns that take no null."""
    lineage: dict[tuple[str, str], list[str]] = {
        ("shop.orders", "shop.totals"): ["customer_id", "total"],
        ("shop.totals", "shop.best"): ["customer_id", "total"],
        ("shop.customer", "shop.best"): ["id", "name"],
    }
    """Of the views of `shop`, by (source, target): the columns that they read, in any order."""
    unread: list[str] = []
    """Views that cannot be read."""
    key: str = "id"
    """The primary key of `customer` and of `orders`."""
    no_schema: ErrorCode = ErrorCode.SCHEMA_NOT_FOUND
    """What writing to `missing` raises: where a schema appears with its first table, it is the right that is missing."""
    endless: str
    """A query with more rows than can be read."""
    slow: str
    """A query that takes a minute."""
    wide: str | None
    """A query whose one value has 40 MB."""
    writes: list[str]
    """Single statements that would change something (the table `kept` of `scratch` among it), or that answer no rows."""
    several: list[str]
    """Several statements in one text."""

    @abstractmethod
    def source(self, *, temp_schema: str | None = None, **options: Any) -> Source:
        """A source on this database as its reader, with some options changed."""

    @abstractmethod
    def make_tables(self, schema: str, names: list[str]) -> None:
        """Make empty tables as the reader."""

    @abstractmethod
    def drop_tables(self, schema: str) -> None:
        """Drop every table in this schema."""

    @abstractmethod
    def tables_in(self, schema: str) -> set[str]:
        """Every table in this schema."""

    @abstractmethod
    def state(self) -> Any:
        """Everything that a write could change, to be compared."""

    def running(self, query: str) -> int:
        """How many sessions still run this query over there."""
        return 0


def check_of(source: Source) -> StepContext:
    """A check of this source that has just begun."""
    return StepContext(job_id=1, source_id=1, source=source, scrubber=Scrubber([]), deadline=time.time() + 60)


class SourceContract:
    """What every kind of source has to do, whether it has SQL or not."""

    @pytest.fixture(autouse=True)
    def clean(self, engine: Engine) -> Any:
        """Each test finds an empty `scratch`."""
        note(engine)
        engine.drop_tables(engine.scratch)
        yield
        engine.drop_tables(engine.scratch)

    async def test_identity(self, engine: Engine) -> None:
        """We know who we are over there, over what, and how long each stage took."""
        async with engine.kind.connect(engine.source()) as session:
            identity = await session.identity()
        assert isinstance(identity, Identity)
        assert (identity.user, identity.database) == (engine.user, engine.database)
        assert identity.stages_ms
        assert all(spent >= 0 for spent in identity.stages_ms.values())

    async def test_what_was_verified_is_told(self, engine: Engine) -> None:
        """The answer says what of the server's certificate was verified, in a sentence where that is not all of it."""
        async with engine.kind.connect(engine.source()) as session:
            identity = await session.identity()
        assert (identity.tls_verified is None) is (not identity.tls)
        found = await connection.run(check_of(engine.source()))
        assert found.details["tls_verified"] == identity.tls_verified
        remote = engine.source().options.target is not None
        assert found.details.get("warning") == (WARNINGS[identity.tls_verified] if remote else None)

    async def test_version(self, engine: Engine) -> None:
        """Product and version, with and without a connection step before."""
        check = check_of(engine.source())
        await connection.run(check)
        assert (check.recorder.version or "").startswith(engine.version)
        found = await version_probe.run(check_of(engine.source()))
        assert found.message == check.recorder.version
        major = found.message.split()[1].split(".")[0]
        assert re.search(rf"\b{major}\b", engine.kind.verified.against), "the label names what these tests run against"

    async def test_a_test_leaves_nothing(self, engine: Engine) -> None:
        """The table of a test is written, read and gone."""
        found = await temp_schema.run(check_of(engine.source(temp_schema=engine.scratch)))
        assert found.message == f'Schema "{engine.database}"."{engine.scratch}" is writeable'
        assert engine.tables_in(engine.scratch) == set()

    async def test_only_old_tables_of_ours_are_swept(self, engine: Engine) -> None:
        """Older than an hour and with our mark, or it stays; the step says what it removed."""
        now = time.time()
        old = {marked_name(now - HOUR - 300), marked_name(now - 400 * 24 * HOUR)}
        others = {marked_name(now - HOUR + 300), marked_name(now + HOUR), "sourcecheck_tmp_mine", "mine"}
        engine.make_tables(engine.scratch, [*old, *others])
        found = await temp_schema.run(check_of(engine.source(temp_schema=engine.scratch)))
        assert set(found.details["swept"]) == old
        assert engine.tables_in(engine.scratch) == others

    async def test_what_a_cut_leaves_has_our_mark(self, engine: Engine) -> None:
        """Cut off at any moment, a test leaves nothing, or a table that a later test will know and remove."""
        for number in range(12):
            with suppress(TimeoutError, CheckError):
                async with asyncio.timeout(0.004 * number):
                    async with engine.kind.connect(engine.source(), read_only=False) as session:
                        await session.write_and_drop(engine.scratch)
        left = engine.tables_in(engine.scratch)
        assert all(MARKED.fullmatch(name) for name in left)
        assert set(leftovers(left, time.time() + 2 * HOUR)) == left

    async def test_a_schema_that_is_not_there(self, engine: Engine) -> None:
        """It has a code of its own."""
        with pytest.raises(CheckError) as caught:
            await temp_schema.run(check_of(engine.source(temp_schema=engine.missing)))
        assert caught.value.code is engine.no_schema

    async def test_a_schema_without_rights(self, engine: Engine) -> None:
        """It has a code of its own, and the message names the table; a file has no such rights."""
        if engine.locked is None:
            assert engine.source().options.target is None
            return
        with pytest.raises(CheckError) as caught:
            await temp_schema.run(check_of(engine.source(temp_schema=engine.locked)))
        assert caught.value.code is ErrorCode.PERMISSION_DENIED
        assert "sourcecheck_tmp_" in caught.value.message

    async def test_tables(self, engine: Engine) -> None:
        """Kinds, columns in their order with their types, keys, references and comments."""
        found = {table.name: table for table in await tables(engine, f"{engine.shop}.*")}
        assert {name: table.kind for name, table in found.items()} == engine.kinds
        orders = found["orders"]
        assert {column.name: column.type for column in orders.columns} == engine.types
        assert [column.name for column in orders.columns] == list(engine.types)
        assert orders.primary_key == ([engine.key] if engine.keys else [])
        reference = (["customer_id"], f"{engine.shop}.customer", ["id"])
        assert [(key.columns, str(key.table), key.referenced) for key in orders.foreign_keys] == (
            [reference] if engine.references else []
        )
        nullable = {column.name: column.nullable for column in found["customer"].columns}
        assert nullable == dict.fromkeys((engine.key, "name"), not engine.not_null)
        assert orders.comment == ("What was bought" if engine.comments else None)
        assert [column.default for column in found["customer"].columns] == [None, engine.default]
        assert orders.definition is None
        if "totals" in engine.kinds and engine.definitions:
            assert "customer_id" in (found["totals"].definition or "")

    async def test_globs(self, engine: Engine) -> None:
        """Lists of globs on `schema.table` and on `database.schema.table` say which tables are wanted."""
        names = {
            table.name
            for table in await tables(engine, f"{engine.shop}.o*\n{engine.catalog or engine.database}.{engine.shop}.c*")
        }
        assert names == {"orders", "customer"}
        names = {table.name for table in await tables(engine, f"{engine.shop}.*", f"{engine.shop}.orders")}
        assert names == set(engine.kinds) - {"orders"}
        found = await schema_download.run(check_of(engine.source()))
        assert found.details["schemas"][engine.shop] == len(engine.kinds)

    async def test_lineage(self, engine: Engine) -> None:
        """What each view reads, down to columns; what could not be read is named, and counts as that."""
        reason = engine.kind.lacks.get("lineage_download")
        if reason:
            await skipped(engine, "lineage_download", reason)
            return
        async with engine.kind.connect(engine.source()) as session:
            lineage = await session.lineage(Globs())
        found = {(str(edge.source), str(edge.target)): sorted(edge.columns) for edge in lineage.edges}
        assert found == {names: sorted(columns) for names, columns in engine.lineage.items()}
        assert {edge.origin for edge in lineage.edges} <= {engine.origin}
        assert lineage.unread == engine.unread
        shown = await lineage_download.run(check_of(engine.source()))
        assert shown.details["edge_count"] == len(engine.lineage)
        assert shown.details["unread_count"] == len(engine.unread)

    async def test_side_by_side(self, engine: Engine) -> None:
        """After the connection, the steps of a test run at the same time."""
        check = check_of(engine.source(temp_schema=engine.scratch))
        await connection.run(check)
        runs = [temp_schema.run(check), schema_download.run(check), schema_download.run(check)]
        runs += [] if TEST_QUERY in engine.kind.lacks else [custom_query.run(check)]
        steps: list[Finding] = await asyncio.gather(*runs)
        assert [step.outcome for step in steps] == [Outcome.success] * len(runs)

    async def test_steps_that_it_lacks_say_why(self, engine: Engine) -> None:
        """Each of the published steps is there, or is skipped with a sentence."""
        for name, reason in engine.kind.lacks.items():
            assert reason
            await skipped(engine, name, reason)
        assert {*engine.kind.features(), *engine.kind.lacks} >= {"connection", "schema_download"}


class Contract(SourceContract):
    """What every database has to do that takes SQL."""

    refusals: ClassVar[set[ErrorCode]] = {
        ErrorCode.QUERY_NOT_READ_ONLY,
        ErrorCode.PERMISSION_DENIED,
        ErrorCode.QUERY_ERROR,
    }
    """How a statement that writes may be refused."""

    async def test_first_values(self, engine: Engine) -> None:
        """Values are text, null is null, no row is null; of an endless answer one row is read."""
        for query, value in (
            ("SELECT 41 + 1", "42"),
            ("SELECT NULL", None),
            (f"SELECT id FROM {engine.shop}.customer WHERE id < 0", None),
            ("SELECT 'ü€'", "ü€"),
            (engine.endless, "1"),
        ):
            answer = await asked(engine.source(), engine, query)
            assert answer == value, query

    async def test_wide_values_are_cut_or_refused(self, engine: Engine) -> None:
        """A value of 40 MB is not handed on."""
        if engine.wide is None:
            return
        answer: str | None = ""
        code = ErrorCode.QUERY_ERROR
        try:
            answer = await asked(engine.source(), engine, engine.wide)
        except CheckError as error:
            code = error.code
        assert code is ErrorCode.QUERY_ERROR
        assert answer is not None
        assert len(answer) <= 65536

    @pytest.mark.parametrize("query", ["SELEC 1", "SELECT * FROM nothing_like_it", "", "SELECT ?", "SELECT '\0'"])
    async def test_wrong_queries(self, engine: Engine, query: str) -> None:
        """What the server does not understand is the query's fault."""
        with pytest.raises(CheckError) as caught:
            await asked(engine.source(), engine, query)
        assert caught.value.code in {ErrorCode.QUERY_ERROR, ErrorCode.QUERY_NOT_READ_ONLY}

    async def test_queries_that_write(self, engine: Engine) -> None:
        """Each is refused by the session, and nothing has changed afterwards."""
        engine.make_tables(engine.scratch, ["kept"])
        before = engine.state()
        for query in engine.writes:
            with pytest.raises(CheckError) as caught:
                await asked(engine.source(), engine, query)
            assert caught.value.code in self.refusals, query
            assert engine.state() == before, query

    async def test_several_statements(self, engine: Engine) -> None:
        """Several statements in one text are refused, and none of them has run."""
        engine.make_tables(engine.scratch, ["kept"])
        before = engine.state()
        for query in engine.several:
            with pytest.raises(CheckError) as caught:
                await asked(engine.source(), engine, query)
            assert caught.value.code in {ErrorCode.QUERY_NOT_READ_ONLY, ErrorCode.QUERY_ERROR}, query
            assert engine.state() == before, query

    async def test_a_query_beyond_its_limit(self, engine: Engine) -> None:
        """It ends as TIMEOUT, and over there as well."""
        source = msgspec.structs.replace(engine.source(), query_timeout=1)

        async def once() -> float:
            with ExitStack() as stack:
                with pytest.raises(CheckError) as caught:
                    async with engine.kind.connect(source) as session:
                        spent = stack.enter_context(spending())
                        await session.query(engine.slow)
                stack.close()
            assert caught.value.code is ErrorCode.TIMEOUT
            await nothing_runs(engine)
            return spent.seconds

        await keeps_the_promise(1, once)

    async def test_cancelled_in_the_middle(self, engine: Engine) -> None:
        """Whoever is cut off gets away at once, and the server stops working for it."""

        async def once() -> float:
            with spending() as spent, pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await asked(engine.source(), engine, engine.slow)
            await nothing_runs(engine)
            return spent.seconds

        await keeps_the_promise(0.5, once)


class ServerContract(SourceContract):
    """What every server has to do, at one host and port."""

    no_login: ClassVar[dict[str, Any]] = {"user": "stranger"}
    no_database: ClassVar[set[ErrorCode]] = {ErrorCode.DATABASE_NOT_FOUND}
    """What a database that is not there may look like: some servers do not tell it from one without rights."""
    in_clear: ClassVar[dict[str, Any]] = {}
    """Options of a login without TLS, where the server has it."""
    secured: ClassVar[bool] = False
    """Whether the server takes no login without TLS, so that it is spoken for such a source."""
    tells: ClassVar[set[str]] = set()
    """What the driver may tell of the worker all the same."""

    async def failure(self, engine: Engine, source: Source) -> CheckError:
        """What connecting to it raises, in time and without the password."""
        with pytest.raises(CheckError) as caught:
            async with engine.kind.connect(source):
                pass
        assert PASSWORD not in f"{caught.value} {caught.value.details}"
        return caught.value

    async def test_refused_login(self, engine: Engine) -> None:
        """A wrong password and an unknown user look alike."""
        for options in ({"password": "wrong"}, self.no_login):
            error = await self.failure(engine, engine.source(**options))
            assert error.code is ErrorCode.AUTHENTICATION_FAILED, options

    async def test_missing_password(self, engine: Engine) -> None:
        """It says that one is missing, so that it can be asked for."""
        error = await self.failure(engine, engine.source(password=None))
        assert error.code is ErrorCode.AUTHENTICATION_FAILED
        assert error.details["secret_missing"] is True
        assert error.details["missing"] == [*engine.kind.options.asked_fields]

    async def test_missing_database(self, engine: Engine) -> None:
        """It has a code of its own."""
        field = engine.kind.options.shown_as["database_name"]
        error = await self.failure(engine, engine.source(**{field: "nothing"}))
        assert error.code in self.no_database

    async def test_nobody_listens(self, engine: Engine) -> None:
        """A port where nobody listens is CONNECTION_ERROR."""
        error = await self.failure(engine, engine.source(port=free_port()))
        assert (error.code, error.details["stage"]) == (ErrorCode.CONNECTION_ERROR, "tcp")

    async def test_unknown_host(self, engine: Engine) -> None:
        """A name that DNS does not know is HOST_NOT_FOUND."""
        error = await self.failure(engine, engine.source(host="no-such-host.invalid"))
        assert error.code is ErrorCode.HOST_NOT_FOUND

    def test_hosts_that_are_none(self, engine: Engine) -> None:
        """A driver would read something else in them; options that say more about themselves have not forgotten that."""
        for host in ("a/b", "a,b", "user@host", "", "/tmp"):
            with pytest.raises(ValueError, match="host"):
                engine.source(host=host)

    async def test_forbidden_destination(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        """The policy on addresses is asked."""
        monkeypatch.setenv("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "false")
        error = await self.failure(engine, engine.source())
        assert error.code is ErrorCode.DESTINATION_FORBIDDEN

    async def test_what_the_server_learns_of_the_worker(self, engine: Engine) -> None:
        """Who logs in, and neither where nor as whom it runs (security row 34)."""
        with telltale_machine(), ear(engine.source().options.target[1], secured=self.secured) as way:  # type: ignore[index]
            source = engine.source(port=way.port, **self.in_clear)
            async with engine.kind.connect(source) as session:
                await session.version()
            assert b"sourcecheck" in way.heard
            assert {*told_by(way.heard)} <= self.tells

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_bad_server_at_login(self, engine: Engine, mode: str) -> None:
        """Silent, dripping or half-closing from the beginning: the limit holds."""

        async def once() -> float:
            with lane(engine.source().options.target[1]) as way:  # type: ignore[index]
                way.turn(mode)
                source = msgspec.structs.replace(engine.source(port=way.port), connection_timeout=1)
                with spending() as spent:
                    error = await self.failure(engine, source)
            assert error.code in {ErrorCode.TIMEOUT, ErrorCode.CONNECTION_ERROR}
            assert error.details["stage"]
            return spent.seconds

        await keeps_the_promise(1, once)

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_bad_server_in_the_middle(self, engine: Engine, mode: str) -> None:
        """A server that turns bad after the login: each question keeps the limit, and so does leaving."""

        async def once() -> float:
            with lane(engine.source().options.target[1]) as way, ExitStack() as stack:  # type: ignore[index]
                source = msgspec.structs.replace(engine.source(port=way.port), query_timeout=1)
                with pytest.raises(CheckError) as caught:
                    async with engine.kind.connect(source, patience=1) as session:
                        way.turn(mode)
                        spent = stack.enter_context(spending())
                        async for _ in session.tables(Globs()):
                            pass
                stack.close()
            assert caught.value.code in {ErrorCode.TIMEOUT, ErrorCode.CONNECTION_ERROR}
            return spent.seconds

        await keeps_the_promise(1, once)


class NetworkContract(ServerContract, Contract):
    """What every server has to do that takes SQL."""


async def tables(engine: Engine, include: str | None, exclude: str | None = None) -> list[Table]:
    """What a source sees."""
    async with engine.kind.connect(engine.source()) as session:
        return [table async for batch in session.tables(Globs(include, exclude)) for table in batch]


async def asked(source: Source, engine: Engine, query: str) -> str | None:
    """The first value."""
    async with engine.kind.connect(source) as session:
        return (await session.query(query)).value


async def nothing_runs(engine: Engine) -> None:
    """No session of ours runs the slow query, once the server had time to hear of it."""
    until = time.monotonic() + 20
    while engine.running(engine.slow):
        assert time.monotonic() < until
        await asyncio.sleep(0.1)


async def skipped(engine: Engine, name: str, reason: str) -> None:
    """The step is skipped, and says why, without a connection."""
    result, carried_out = await judge.judge(name, check_of(engine.source()), print)
    assert (result.code, result.outcome, result.message) == (Code.OK, Outcome.skipped, reason)
    assert carried_out
