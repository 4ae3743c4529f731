"""What the service answers, as structs: the fields that its OpenAPI document describes.

A newer service may answer more fields than these; decoding ignores them. Times are aware datetimes, in UTC unless the
service says otherwise. No struct has a field for a secret, but `NewApiKey`, which the service shows once.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from sourcecheck.errors import CheckFailed, QuestionOpen, TestCancelled


class JobStatus(StrEnum):
    """Where a test or one of its steps stands."""

    needs_confirmation = "needs_confirmation"
    needs_authentication = "needs_authentication"
    waiting = "waiting"
    processing = "processing"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether this status is final."""
        return self in (JobStatus.done, JobStatus.failed, JobStatus.cancelled)

    @property
    def asks(self) -> bool:
        """Whether the test waits for a person's answer."""
        return self in (JobStatus.needs_confirmation, JobStatus.needs_authentication)


class Result(Struct, frozen=True):
    """What a step found."""

    code: str
    """`OK`, `ERROR` or `SKIP`."""
    message: str
    outcome: str
    """`success`, `failed` or `skipped`."""
    error_code: str | None = None
    """Why the answer is no: a stable word such as `AUTHENTICATION_FAILED`."""
    remediation: str | None = None
    """What to do about it, in one sentence."""
    duration_ms: int | None = None
    details: dict[str, Any] = {}


class Step(Struct, frozen=True):
    """One step of a test; `result` is None until the step has ended."""

    step: str
    status: JobStatus
    result: Result | None = None

    @property
    def failed(self) -> bool:
        """Whether the step came to a "no", or could not be carried out."""
        return self.result is not None and self.result.outcome == "failed"


class Question(Struct, frozen=True):
    """What a suspended test asks a person. `kind` is `host_key`, `query` or `secret`."""

    kind: str
    number: int
    asked_at: datetime
    expires_at: datetime
    message: str
    error_code: str
    fingerprint: str | None = None
    """Of a host key: the fingerprint to compare with the gateway's own."""
    key_type: str | None = None
    host: str | None = None
    port: int | None = None
    verify: str | None = None
    """Of a host key: a command that shows the gateway's fingerprints."""
    of: str | None = None
    """Of a secret: `options` for the source's own, `ssh_tunnel` for its gateway's."""
    missing: list[str] = []
    """Of a secret: the names under which it may be given."""


class Job(Struct, frozen=True):
    """One test of one source."""

    id: int
    status: JobStatus
    results: list[Step]
    """The four published steps, in their order."""
    checks: list[Step] = []
    """What else was checked: the version, a test query."""
    version: str | None = None
    """Product and version, like `PostgreSQL 14.5`."""
    flow_run_id: str | None = None
    reason: str | None = None
    """Why the test did not pass, in one sentence."""
    question: Question | None = None

    @property
    def passed(self) -> bool:
        """Whether the test has ended and the source passed."""
        return self.status is JobStatus.done

    @property
    def steps(self) -> list[Step]:
        """Every step, the published ones first."""
        return [*self.results, *self.checks]

    def raise_for_verdict(self) -> "Job":
        """This job, if the source passed.

        Raises `QuestionOpen` while the test waits for an answer, `TestCancelled` when it was cancelled, and
        `CheckFailed` in every other case, with the first step that failed, its code and its advice.
        """
        if self.passed:
            return self
        if self.status.asks:
            raise QuestionOpen(self.id, self.question.message if self.question else self.status.value)
        if self.status is JobStatus.cancelled:
            raise TestCancelled(self.id, self.reason or "the test was cancelled")
        step = next((step for step in self.steps if step.failed), None)
        result = step.result if step else None
        raise CheckFailed(
            self.id,
            self.reason or (result.message if result else f"the test has not ended: {self.status.value}"),
            step=step.step if step else None,
            code=result.error_code if result else None,
            advice=result.remediation if result else None,
        )


class LastTest(Struct, frozen=True):
    """The newest ended test of a source."""

    tested_at: datetime
    results: list[Step]


class Source(Struct, frozen=True):
    """A registered data source. Secrets in `options` and `ssh_tunnel` are None."""

    id: int
    name: str
    type: str
    options: dict[str, Any] = {}
    temp_schema: str | None = None
    ssh_tunnel: dict[str, Any] | None = None
    description: str | None = None
    tags: list[str] | None = None
    catalog_include_list: str | None = None
    catalog_exclude_list: str | None = None
    is_paused: bool | None = None
    connection_timeout: int = 30
    query_timeout: int = 300
    down_after: int = 3
    up_after: int = 2
    last_test: LastTest | None = None


class SourceState(Struct, frozen=True):
    """How a source stands: `status` is `active`, `failed` or `inactive`."""

    id: int
    status: str
    updated_at: datetime
    last_tested_at: datetime | None = None
    failure_reason: str | None = None
    """Why its newest test failed; None after one that passed."""


class SourceType(Struct, frozen=True):
    """A type of source, and the form of its options."""

    name: str
    type: str
    configuration_schema: dict[str, Any]
    features: list[str] = []


class Organization(Struct, frozen=True):
    """The organization of the key."""

    org_id: int
    org_name: str
    user_id: int


class HealthCheck(Struct, frozen=True):
    """One finished check. `inactive` says nothing about the source: the check was lost on the service's side."""

    status: str
    checked_at: datetime
    response_time_ms: float | None = None
    error_code: str | None = None
    trigger: str | None = None
    job_id: int | None = None
    counts: bool = True
    """Whether it is part of the uptime; a test while the source was being set up is not."""


class Health(Struct, frozen=True):
    """How a source has been; times in milliseconds, uptime in percent of the time that is known."""

    data_source_id: int
    current_status: str
    health_history: list[HealthCheck]
    last_health_check: HealthCheck | None = None
    uptime_percentage: float | None = None
    avg_response_time_ms: float | None = None
    min_response_time_ms: float | None = None
    max_response_time_ms: float | None = None
    failure_count_24h: int = 0
    last_failure_at: datetime | None = None
    status_since: datetime | None = None
    stale: bool = False
    """Whether nothing is known about now, because a check is overdue."""
    window: str | None = None


class Schedule(Struct, frozen=True):
    """The schedule of a source: one of `interval_seconds`, `cron` and `rrule` is set."""

    data_source_id: int
    interval_seconds: float | None = None
    cron: str | None = None
    rrule: str | None = None
    timezone: str | None = None
    active: bool = True


class HostKey(Struct, frozen=True):
    """A gateway's key that the organization trusts, or trusted until `revoked_at`."""

    id: int
    host: str
    port: int
    fingerprint: str
    key_type: str | None = None
    origin: str | None = None
    created_at: datetime | None = None
    revoked_at: datetime | None = None


class ApiKey(Struct, frozen=True):
    """An API key without the key itself."""

    id: int
    name: str
    prefix: str
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    on_question: str = "ask"


class NewApiKey(Struct, frozen=True):
    """A new API key; the service shows `key` this one time."""

    id: int
    name: str
    key: str

    def __repr__(self) -> str:
        return f"NewApiKey(id={self.id}, name={self.name!r}, key='***')"


class FieldChange(Struct, frozen=True):
    """One field that a plan changes; of a secret it says only that it changes."""

    field: str
    before: Any = None
    after: Any = None
    secret: bool = False


class SourceChange(Struct, frozen=True):
    """What a plan does to one source: `action` is `create`, `update`, `unchanged` or `remove`."""

    name: str
    type: str
    action: str
    id: int | None = None
    fields: list[FieldChange] = []


class Applied(Struct, frozen=True):
    """A plan for the sources of a file, and whether it was carried out."""

    changes: list[SourceChange]
    applied: bool


class Exported(Struct, frozen=True):
    """Every source as a file declares it, and the secrets that the service keeps, by the source's name."""

    sources: list[dict[str, Any]]
    secrets: dict[str, list[str]]
