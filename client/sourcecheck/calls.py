"""Every request of the service as a value: what to send, and how to read the answer. No IO.

Both clients send these; so the paths and the shapes stand here once.
"""

from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from sourcecheck.errors import ERRORS, ApiError, Problem, ServiceUnreachable
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
from sourcecheck.schemas import Discovery, FoundTables, Lineage, SchemaChanges, TablePage

T = TypeVar("T")

SOURCES = "/api/v1/data_sources"
HEALTH = "/api/v1/data-sources"
HOST_KEYS = "/api/v1/ssh_host_keys"
KEYS = "/api/v1/api_keys"
ALERTS = "/api/v1/alerts"
MEMBERS = "/api/v1/members"
LONGEST_WAIT = 30.0
"""Seconds for which one request waits for a test; a longer wait is several requests."""


DISCOVERY_SECONDS = 300.0
"""For how long the service reads a source at most while a client waits."""
APPLY_SECONDS = 300.0
"""Each schedule that a file changes costs Prefect's server some requests."""
ALERT_SECONDS = 60.0
"""For how long the service waits until an alert has been sent as a test."""


class Call(Struct, Generic[T], frozen=True):
    """One request, and the type of its answer."""

    method: str
    path: str
    kind: Any
    """What the answer is decoded as; None for an answer without a body."""
    params: dict[str, Any] = {}
    json: Any = None
    enveloped: bool = False
    """Whether the answer's `data` is what was asked for."""
    wait: float = 0.0
    """Seconds for which the service may hold the answer back."""

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return self.method in ("GET", "PUT", "DELETE")


def list_sources() -> Call[list[Source]]:
    """All sources of the organization."""
    return Call("GET", SOURCES, list[Source])


def get_source(source_id: int) -> Call[Source]:
    """One source."""
    return Call("GET", f"{SOURCES}/{source_id}", Source)


def get_state(source_id: int) -> Call[SourceState]:
    """How a source stands."""
    return Call("GET", f"{HEALTH}/{source_id}", SourceState, enveloped=True)


def create_source(fields: dict[str, Any]) -> Call[Source]:
    """Register a source; `fields` are those of the API's POST."""
    return Call("POST", SOURCES, Source, json=fields)


def update_source(source_id: int, fields: dict[str, Any]) -> Call[Source]:
    """Change what `fields` names, and nothing else."""
    return Call("PATCH", f"{SOURCES}/{source_id}", Source, json=fields)


def delete_source(source_id: int) -> Call[None]:
    """Remove a source and its history."""
    return Call("DELETE", f"{SOURCES}/{source_id}", None)


def forget_secret(source_id: int) -> Call[None]:
    """Forget the stored secrets of a source."""
    return Call("DELETE", f"{SOURCES}/{source_id}/secret", None)


def source_types(*, every: bool = False) -> Call[list[SourceType]]:
    """The types of sources and the forms of their options."""
    return Call("GET", f"{SOURCES}/types", list[SourceType], params={"all": "true"} if every else {})


def organization() -> Call[Organization]:
    """Whose key this is."""
    return Call("GET", "/api/v1/organization/meta", Organization)


def apply_sources(sources: list[dict[str, Any]], *, dry_run: bool = False, prune: bool = False) -> Call[Applied]:
    """Make the sources what a file says, or answer what that would change."""
    body = {"sources": sources, "dry_run": dry_run, "prune": prune}
    return Call("POST", f"{SOURCES}/apply", Applied, json=body, wait=APPLY_SECONDS)


def export_sources() -> Call[Exported]:
    """Return every source as a file declares it, without secrets."""
    return Call("GET", f"{SOURCES}/export", Exported)


class Started(Struct, frozen=True):
    """The answer to a request for a test."""

    job_id: int


def start_test(
    source_id: int,
    test_query: str | None = None,
    timeout_seconds: int | None = None,
    on_question: str | None = None,
    counts: bool | None = None,
) -> Call[Started]:
    """Ask for a test. An equal test that is open already is joined. `counts`: whether it is part of the uptime."""
    body = {
        "test_query": test_query,
        "timeout_seconds": timeout_seconds,
        "on_question": on_question,
        "counts": counts,
    }
    return Call("POST", f"{SOURCES}/{source_id}/test", Started, json={n: v for n, v in body.items() if v is not None})


def get_job(job_id: int, wait: float = 0.0) -> Call[Job]:
    """Where a test stands; the service holds the answer for up to `wait` seconds, until the test has ended or asks."""
    wait = min(max(wait, 0.0), LONGEST_WAIT)
    return Call("GET", f"{SOURCES}/test/{job_id}", Job, params={"wait": f"{wait:g}"} if wait else {}, wait=wait)


def cancel(job_id: int) -> Call[Job]:
    """Cancel a test, and what runs on the server for it."""
    return Call("POST", f"{SOURCES}/test/{job_id}/cancel", Job, json={}, wait=10)


def confirm(job_id: int, fingerprint: str | None = None) -> Call[Job]:
    """Trust the gateway's key of this fingerprint, or, without one, allow the query."""
    return Call(
        "POST", f"{SOURCES}/test/{job_id}/confirm", Job, json={"fingerprint": fingerprint} if fingerprint else {}
    )


def authenticate(job_id: int, secrets: dict[str, str], *, save: bool = False) -> Call[Job]:
    """Give the secret that a test waits for, for this run alone or to be kept."""
    return Call("POST", f"{SOURCES}/test/{job_id}/authenticate", Job, json={**secrets, "save": save})


def health(source_id: int, limit: int = 10, window: str | None = None) -> Call[Health]:
    """How a source has been: the newest `limit` checks, and the figures of a window such as `24h` or `7d`."""
    params: dict[str, Any] = {"limit": limit} | ({"window": window} if window else {})
    return Call("GET", f"{HEALTH}/{source_id}/health", Health, params=params, enveloped=True)


def get_schedule(source_id: int) -> Call[Schedule]:
    """The schedule of a source. `NotFound` if it has none."""
    return Call("GET", f"{HEALTH}/{source_id}/health/schedule", Schedule, enveloped=True)


def put_schedule(source_id: int, schedule: dict[str, Any]) -> Call[Schedule]:
    """Check a source regularly: `interval_seconds`, or `cron` with a `timezone`; `active` pauses and resumes."""
    return Call("PUT", f"{HEALTH}/{source_id}/health/schedule", Schedule, json=schedule, enveloped=True)


def delete_schedule(source_id: int) -> Call[None]:
    """Remove the schedule of a source."""
    return Call("DELETE", f"{HEALTH}/{source_id}/health/schedule", None)


def discover_schema(source_id: int, *, refresh: bool = False) -> Call[Discovery]:
    """How much a source holds; with `refresh`, it is read again first."""
    params = {"refresh": "true"} if refresh else {}
    return Call(
        "POST",
        f"{HEALTH}/{source_id}/discover-schema",
        Discovery,
        params=params,
        enveloped=True,
        wait=DISCOVERY_SECONDS,
    )


def list_tables(
    source_id: int, schema: str | None = None, limit: int = 1000, cursor: str | None = None
) -> Call[TablePage]:
    """A page of what the newest download of a source found."""
    params = _given(schema_name=schema, limit=limit, cursor=cursor)
    return Call("GET", f"{HEALTH}/{source_id}/schemas", TablePage, params=params, enveloped=True)


def search_tables(
    words: str, source_id: int | None = None, limit: int = 50, cursor: str | None = None
) -> Call[FoundTables]:
    """Tables whose names and comments, or those of their columns, hold all of these words."""
    params = _given(q=words, data_source_id=source_id, limit=limit, cursor=cursor)
    return Call("GET", f"{HEALTH}/schema-search", FoundTables, params=params, enveloped=True)


def schema_changes(source_id: int, limit: int = 50, cursor: str | None = None) -> Call[SchemaChanges]:
    """What has changed in a source's schema and lineage, newest first."""
    params = _given(limit=limit, cursor=cursor)
    return Call("GET", f"{HEALTH}/{source_id}/schema-changes", SchemaChanges, params=params, enveloped=True)


def lineage(
    source_id: int,
    schema: str | None = None,
    table: str | None = None,
    depth: int = 3,
    shape: str = "plain",
    cursor: str | None = None,
) -> Call[Lineage]:
    """What is made from what, around one table or, without one, a page of all; `shape` may be `openlineage`."""
    params = _given(schema_name=schema, table_name=table, depth=depth, shape=shape, cursor=cursor)
    return Call("GET", f"{HEALTH}/{source_id}/lineage", Lineage, params=params, enveloped=True)


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def list_host_keys(*, revoked: bool = False) -> Call[list[HostKey]]:
    """Gateways' keys that the organization trusts; with `revoked`, former ones as well."""
    return Call("GET", HOST_KEYS, list[HostKey], params={"all": "true"} if revoked else {})


def add_host_key(host: str, host_key: str, port: int = 22) -> Call[HostKey]:
    """Trust a gateway's key: a public key line or a fingerprint."""
    return Call("POST", HOST_KEYS, HostKey, json={"host": host, "port": port, "host_key": host_key})


def revoke_host_key(key_id: int) -> Call[None]:
    """Trust a gateway's key no longer."""
    return Call("DELETE", f"{HOST_KEYS}/{key_id}", None)


def list_keys() -> Call[list[ApiKey]]:
    """The API keys of the key's user."""
    return Call("GET", KEYS, list[ApiKey])


def create_key(name: str, on_question: str = "ask") -> Call[NewApiKey]:
    """Make an API key; the service shows it once."""
    return Call("POST", KEYS, NewApiKey, json={"name": name, "on_question": on_question})


def revoke_key(key_id: int) -> Call[None]:
    """Make an API key invalid."""
    return Call("DELETE", f"{KEYS}/{key_id}", None)


def list_alerts() -> Call[list[Alert]]:
    """Who is told when a source goes down or comes back."""
    return Call("GET", ALERTS, list[Alert])


def create_alert(kind: str, url: str, name: str | None = None, source_id: int | None = None) -> Call[Alert]:
    """Tell a `webhook`, a `slack` channel or people by `mail`, of one source or of all."""
    return Call("POST", ALERTS, Alert, json=_given(kind=kind, url=url, name=name, data_source_id=source_id))


def change_alert(alert_id: str, *, paused: bool) -> Call[Alert]:
    """Send nothing until it is resumed, or resume it."""
    return Call("PATCH", f"{ALERTS}/{alert_id}", Alert, json={"paused": paused})


def try_alert(alert_id: str) -> Call[None]:
    """Have it sent once, marked as a test; the service answers when it has been sent."""
    return Call("POST", f"{ALERTS}/{alert_id}/test", None, wait=ALERT_SECONDS)


def delete_alert(alert_id: str) -> Call[None]:
    """Tell this receiver no longer, and forget its address."""
    return Call("DELETE", f"{ALERTS}/{alert_id}", None)


def list_members() -> Call[list[Member]]:
    """The members of the organization."""
    return Call("GET", MEMBERS, list[Member])


def invite_member(
    name: str, email: str | None = None, role: str = "member", on_question: str = "ask"
) -> Call[Invitation]:
    """Take a person in, or a program that acts as one, with a key that the service shows once."""
    body = _given(name=name, email=email, role=role, on_question=on_question)
    return Call("POST", MEMBERS, Invitation, json=body)


def invite_member_again(user_id: int, on_question: str = "ask") -> Call[Invitation]:
    """One more key for a member who has none at hand."""
    return Call("POST", f"{MEMBERS}/{user_id}/invite", Invitation, json={"on_question": on_question})


def change_role(user_id: int, role: str) -> Call[Member]:
    """Make a member an administrator, or an administrator a member."""
    return Call("PATCH", f"{MEMBERS}/{user_id}", Member, json={"role": role})


def remove_member(user_id: int) -> Call[None]:
    """Take a member out of the organization; their keys are refused from then on."""
    return Call("DELETE", f"{MEMBERS}/{user_id}", None)


def read_answer(call: Call[T], status: int, body: bytes, headers: dict[str, str]) -> T:
    """The answer to a call, decoded. Raises `ApiError` for a refusal, `ServiceUnreachable` for a foreign answer."""
    if not 200 <= status < 300:
        raise _refusal(status, body, headers)
    if call.kind is None:
        return None  # type: ignore[return-value]
    try:
        if call.enveloped:
            decoded: T = msgspec.convert(msgspec.json.decode(body)["data"], call.kind, strict=False)
        else:
            decoded = msgspec.json.decode(body, type=call.kind, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ServiceUnreachable(
            f"{call.path}: the answer does not come from a sourcecheck service ({error})"
        ) from error
    return decoded


class _Detail(Struct):
    """The body of a refusal, in either dialect of the API."""

    detail: str | list[Problem] | None = None
    message: str | None = None


def _refusal(status: int, body: bytes, headers: dict[str, str]) -> ApiError:
    try:
        found = msgspec.json.decode(body, type=_Detail)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        found = _Detail()
    problems = found.detail if isinstance(found.detail, list) else []
    sentence = found.detail if isinstance(found.detail, str) else found.message or f"the service answered {status}"
    return ERRORS.get(status, ApiError)(status, sentence, problems, _seconds(headers.get("retry-after")))


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None
