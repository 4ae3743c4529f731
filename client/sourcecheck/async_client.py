"""The client for programs with an event loop."""

import asyncio
import time
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from sourcecheck import calls
from sourcecheck.access import find_access
from sourcecheck.calls import Call, read_answer
from sourcecheck.errors import NotFound
from sourcecheck.finding import choose
from sourcecheck.models import (
    ApiKey,
    Applied,
    Exported,
    Health,
    HostKey,
    Job,
    NewApiKey,
    Organization,
    Schedule,
    Source,
    SourceState,
    SourceType,
)
from sourcecheck.people import Alert, Invitation, Member
from sourcecheck.retries import Retries, unreachable
from sourcecheck.schemas import Discovery, FoundTables, Lineage, SchemaChanges, TablePage

T = TypeVar("T")


class AsyncClient:
    """The service, asynchronously.

    Address and key are what is given here, else `SOURCECHECK_URL` and `SOURCECHECK_API_KEY`, else what
    `sourcecheck login` kept. Every method raises `ApiError` for a refusal and `ServiceUnreachable` without an answer.
    A request that the service did not take is sent again, up to `retries.attempts` times.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        retries: Retries = Retries(),  # noqa: B008 -- immutable
        verify: Any = True,
    ) -> None:
        """`timeout` is in seconds, for one request; `verify` as in httpx."""
        self._access = find_access(url, api_key)
        self._retries = retries
        self._timeout = timeout
        headers = {"Authorization": f"Key {self._access.api_key}"} if self._access.api_key else {}
        self._http = httpx.AsyncClient(base_url=self._access.url, headers=headers, timeout=timeout, verify=verify)

    @property
    def url(self) -> str:
        """The address of the service."""
        return self._access.url

    @property
    def api_key(self) -> str | None:
        """The key in use, for another client of the same service."""
        return self._access.api_key

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """Send one request, again where the rules of `Retries` say so, and answer its result."""
        attempt = 1
        while True:
            try:
                found = await self._http.request(
                    call.method, call.path, params=call.params, json=call.json, timeout=self._timeout + call.wait
                )
            except (httpx.TransportError, httpx.InvalidURL) as error:
                pause = self._retries.pause_after_error(attempt, error, repeatable=call.repeatable)
                if pause is None:
                    raise unreachable(self.url, error) from error
            else:
                pause = self._retries.pause_after_status(attempt, found.status_code, found.headers.get("retry-after"))
                if pause is None:
                    return read_answer(call, found.status_code, found.content, dict(found.headers))
            await asyncio.sleep(pause)
            attempt += 1

    async def list_sources(self) -> list[Source]:
        """All sources of the organization."""
        return await self.send(calls.list_sources())

    async def get_source(self, source_id: int) -> Source:
        """One source. Raises `NotFound`."""
        return await self.send(calls.get_source(source_id))

    async def get_state(self, source_id: int) -> SourceState:
        """How a source stands. Raises `NotFound`."""
        return await self.send(calls.get_state(source_id))

    async def find(self, name: str) -> Source:
        """The one source of this name, or with this id in digits. Raises `NotFound` for none and for several."""
        return choose(name, await self.list_sources())

    async def create_source(self, fields: dict[str, Any]) -> Source:
        """Register a source; `fields` are those of the API's POST. Raises `InvalidRequest`."""
        return await self.send(calls.create_source(fields))

    async def update_source(self, source_id: int, fields: dict[str, Any]) -> Source:
        """Change what `fields` names, and nothing else."""
        return await self.send(calls.update_source(source_id, fields))

    async def delete_source(self, source_id: int) -> None:
        """Remove a source and its history."""
        await self.send(calls.delete_source(source_id))

    async def apply_sources(
        self, sources: list[dict[str, Any]], *, dry_run: bool = False, prune: bool = False
    ) -> Applied:
        """Make the sources what these say, all of them or none, and with `prune` remove those that are not named.

        Each is what `create_source` takes, and may have a `schedule`. What one leaves out has its default, but secrets
        stay. `dry_run` answers what would change. Raises `InvalidRequest` with a problem for each source at fault.
        """
        return await self.send(calls.apply_sources(sources, dry_run=dry_run, prune=prune))

    async def export_sources(self) -> Exported:
        """Every source as `apply_sources` takes it, without secrets."""
        return await self.send(calls.export_sources())

    async def forget_secret(self, source_id: int) -> None:
        """Forget the stored secrets of a source."""
        await self.send(calls.forget_secret(source_id))

    async def source_types(self, *, every: bool = False) -> list[SourceType]:
        """The types of sources and the forms of their options."""
        return await self.send(calls.source_types(every=every))

    async def organization(self) -> Organization:
        """Whose key this is."""
        return await self.send(calls.organization())

    async def start_test(
        self,
        source_id: int,
        *,
        test_query: str | None = None,
        timeout_seconds: int | None = None,
        on_question: str | None = None,
        counts: bool | None = None,
    ) -> int:
        """Ask for a test, and answer the job's id at once. An equal test that is open already is joined.

        `counts` says whether it is part of the source's uptime; None leaves that to the service.
        """
        call = calls.start_test(source_id, test_query, timeout_seconds, on_question, counts)
        return (await self.send(call)).job_id

    async def get_job(self, job_id: int, wait: float = 0.0) -> Job:
        """Where a test stands; waits for up to `wait` seconds (30 at most) until it has ended or asks."""
        return await self.send(calls.get_job(job_id, wait))

    async def wait_for(self, job_id: int, timeout: float | None = None) -> Job:
        """The job, once it has ended or asks something.

        Raises `TimeoutError` after `timeout` seconds; the test goes on.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            left = calls.LONGEST_WAIT if until is None else until - time.monotonic()
            job = await self.get_job(job_id, wait=left)
            if job.status.ended or job.status.asks:
                return job
            if until is not None and time.monotonic() >= until:
                raise TimeoutError(f"test {job_id} has not ended within {timeout:g} s: {job.status.value}")

    async def test(
        self,
        source_id: int,
        *,
        test_query: str | None = None,
        timeout_seconds: int | None = None,
        on_question: str | None = None,
        counts: bool | None = None,
        timeout: float | None = None,
    ) -> Job:
        """Test a source, and answer the job once it has ended or asks something.

        `timeout_seconds` limits the test, `timeout` how long this call waits for it.
        """
        job_id = await self.start_test(
            source_id,
            test_query=test_query,
            timeout_seconds=timeout_seconds,
            on_question=on_question,
            counts=counts,
        )
        return await self.wait_for(job_id, timeout)

    async def cancel(self, job_id: int) -> Job:
        """Cancel a test. Raises `Conflict` if it has already ended."""
        return await self.send(calls.cancel(job_id))

    async def confirm(self, job_id: int, fingerprint: str | None = None) -> Job:
        """Trust the gateway's key of this fingerprint, or, without one, allow the query that the test asks about."""
        return await self.send(calls.confirm(job_id, fingerprint))

    async def authenticate(self, job_id: int, *, save: bool = False, **secrets: str) -> Job:
        """Give the secret that a test waits for, under one of the names in its question's `missing`."""
        return await self.send(calls.authenticate(job_id, secrets, save=save))

    async def health(self, source_id: int, *, limit: int = 10, window: str | None = None) -> Health:
        """How a source has been: the newest `limit` checks, and the figures of a window such as `24h` or `7d`."""
        return await self.send(calls.health(source_id, limit, window))

    async def get_schedule(self, source_id: int) -> Schedule | None:
        """The schedule of a source; None if it has none."""
        try:
            return await self.send(calls.get_schedule(source_id))
        except NotFound as error:
            if "schedule" in error.sentence:
                return None
            raise

    async def put_schedule(
        self,
        source_id: int,
        *,
        interval_seconds: int | None = None,
        cron: str | None = None,
        timezone: str | None = None,
        active: bool = True,
    ) -> Schedule:
        """Check a source regularly: every so many seconds, or by cron in a time zone; `active=False` pauses."""
        given = {"interval_seconds": interval_seconds, "cron": cron, "timezone": timezone}
        plan = {name: value for name, value in given.items() if value is not None} | {"active": active}
        return await self.send(calls.put_schedule(source_id, plan))

    async def delete_schedule(self, source_id: int) -> None:
        """Remove the schedule of a source."""
        await self.send(calls.delete_schedule(source_id))

    async def discover_schema(self, source_id: int, *, refresh: bool = False) -> Discovery:
        """How much a source holds: what the newest download found; with `refresh`, it is read again first."""
        return await self.send(calls.discover_schema(source_id, refresh=refresh))

    async def list_tables(
        self, source_id: int, *, schema: str | None = None, limit: int = 1000, cursor: str | None = None
    ) -> TablePage:
        """A page of the tables of a source; the next one is asked for with its `next_cursor`."""
        return await self.send(calls.list_tables(source_id, schema, limit, cursor))

    async def search_tables(
        self, words: str, *, source_id: int | None = None, limit: int = 50, cursor: str | None = None
    ) -> FoundTables:
        """Tables of all sources, or of one, whose names and comments hold all of these words."""
        return await self.send(calls.search_tables(words, source_id, limit, cursor))

    async def schema_changes(self, source_id: int, *, limit: int = 50, cursor: str | None = None) -> SchemaChanges:
        """What has changed in a source's schema and lineage, newest first."""
        return await self.send(calls.schema_changes(source_id, limit, cursor))

    async def lineage(
        self,
        source_id: int,
        schema: str | None = None,
        table: str | None = None,
        *,
        depth: int = 3,
        shape: str = "plain",
        cursor: str | None = None,
    ) -> Lineage:
        """What is made from what, around one table or, without one, a page of all; `shape` may be `openlineage`."""
        return await self.send(calls.lineage(source_id, schema, table, depth, shape, cursor))

    async def list_host_keys(self, *, revoked: bool = False) -> list[HostKey]:
        """Gateways' keys that the organization trusts; with `revoked`, former ones as well."""
        return await self.send(calls.list_host_keys(revoked=revoked))

    async def add_host_key(self, host: str, host_key: str, port: int = 22) -> HostKey:
        """Trust a gateway's key: a public key line or a fingerprint."""
        return await self.send(calls.add_host_key(host, host_key, port))

    async def revoke_host_key(self, key_id: int) -> None:
        """Trust a gateway's key no longer."""
        await self.send(calls.revoke_host_key(key_id))

    async def list_keys(self) -> list[ApiKey]:
        """The API keys of this key's user."""
        return await self.send(calls.list_keys())

    async def create_key(self, name: str, *, on_question: str = "ask") -> NewApiKey:
        """Make an API key; the service shows it once."""
        return await self.send(calls.create_key(name, on_question))

    async def revoke_key(self, key_id: int) -> None:
        """Make an API key invalid."""
        await self.send(calls.revoke_key(key_id))

    async def list_alerts(self) -> list[Alert]:
        """Who is told when a source goes down or comes back, by name."""
        return await self.send(calls.list_alerts())

    async def create_alert(
        self, kind: str, url: str, *, name: str | None = None, source_id: int | None = None
    ) -> Alert:
        """Tell a `webhook`, a `slack` channel or people by `mail` at this address, of one source or of all.

        Administrators alone may. Raises `Forbidden`, `InvalidRequest`, and `Conflict` for a name that is taken.
        """
        return await self.send(calls.create_alert(kind, url, name, source_id))

    async def pause_alert(self, alert_id: str) -> Alert:
        """Send nothing until it is resumed."""
        return await self.send(calls.change_alert(alert_id, paused=True))

    async def resume_alert(self, alert_id: str) -> Alert:
        """Send again."""
        return await self.send(calls.change_alert(alert_id, paused=False))

    async def try_alert(self, alert_id: str) -> None:
        """Have it sent once, marked as a test, and wait until it has been sent.

        Raises `ApiError` with the status 424 when it could not be sent.
        """
        await self.send(calls.try_alert(alert_id))

    async def delete_alert(self, alert_id: str) -> None:
        """Tell this receiver no longer, and forget its address."""
        await self.send(calls.delete_alert(alert_id))

    async def list_members(self) -> list[Member]:
        """The members of the organization, by name."""
        return await self.send(calls.list_members())

    async def invite_member(
        self, name: str, *, email: str | None = None, role: str = "member", on_question: str = "ask"
    ) -> Invitation:
        """Take a person in, or a program that acts as one, with a key that the service shows once.

        Administrators alone may. Raises `Forbidden`, and `Conflict` for an e-mail address that is taken.
        """
        return await self.send(calls.invite_member(name, email, role, on_question))

    async def invite_member_again(self, user_id: int, *, on_question: str = "ask") -> Invitation:
        """One more key for a member who has none at hand."""
        return await self.send(calls.invite_member_again(user_id, on_question))

    async def change_role(self, user_id: int, role: str) -> Member:
        """Make a member an `admin`, or an administrator a `member`. Raises `Conflict` for the last administrator."""
        return await self.send(calls.change_role(user_id, role))

    async def remove_member(self, user_id: int) -> None:
        """Take a member out of the organization; their keys are refused from then on. Raises `Conflict` for the last
        administrator.
        """
        await self.send(calls.remove_member(user_id))
