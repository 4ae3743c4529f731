"""What leaves: no answer has a field for a secret. What enters is in `api.wire.requests`."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from datasources.databases.base import Verified
from datasources.model.questions import Question
from datasources.model.steps import CHECKS
from datasources.model.vocabulary import ConfigurationCheckStep, ErrorCode, JobStatus

CheckName = Literal[CHECKS]  # type: ignore[valid-type]  # made from the table of steps, so that they document themselves
T = TypeVar("T")


class TestDataSourceAsyncResponse(Struct, frozen=True):
    """A test was accepted (published)."""

    __test__: ClassVar[bool] = False

    job_id: Annotated[int, Meta(title="Job Id")]


class TestResultStep(Struct, frozen=True):
    """One step of a test (published); `result` is null until the step has ended."""

    __test__: ClassVar[bool] = False

    step: ConfigurationCheckStep
    status: JobStatus
    result: Annotated[Any, Meta(title="Result")]


class CheckStep(Struct, frozen=True):
    """One step of ours, beside the four published ones, in the same shape: `result` is null until it has ended."""

    step: CheckName
    status: JobStatus
    result: Annotated[Any, Meta(title="Result")]


class AsyncDataSourceTestResults(Struct, frozen=True):
    """Where a test stands (published), with where to look further."""

    id: Annotated[int, Meta(title="Id")]
    status: JobStatus
    results: Annotated[list[TestResultStep], Meta(title="Results")]
    checks: list[CheckStep]
    version: str | None = None
    flow_run_id: str | None = None
    reason: str | None = None
    attempts: int = 1
    """How often it was tried: more than once when a process, a worker or a server was lost under it."""
    question: Question | None = None
    """What the test asks, while it waits for the answer."""


class SourceAnswer(dict[str, Any]):
    """A source as the underscore API answers it, with every field that it was given (contract 2.7)."""


class DataSourceSummary(Struct, frozen=True):
    """A source in three words (published)."""

    id: int
    name: str
    type: str


class ConfigurationSchema(Struct, frozen=True):
    """How a form for a type's options looks (contract 2.9)."""

    title: str
    type: Literal["object"]
    properties: dict[str, dict[str, Any]]
    required: list[str]
    secret: list[str]


class DataSourceType(Struct, frozen=True):
    """A type of source that can be tested."""

    name: str
    type: str
    configuration_schema: ConfigurationSchema
    features: list[str]
    verified: Verified | UnsetType = UNSET
    """What our own tests of it ran against."""


class OrganizationMeta(Struct, frozen=True):
    """Who the key belongs to."""

    org_id: int
    org_name: str
    user_id: int


class Envelope(Struct, Generic[T], frozen=True):
    """An answer of the hyphen API (contract 3.1)."""

    data: T
    message: str
    success: bool = True


def whole(milliseconds: float | None) -> int | None:
    """As the hyphen API counts them: whole ones, where what took any time took one at least."""
    return None if milliseconds is None else round(milliseconds) or int(milliseconds > 0)


def plain(number: float | None) -> float | None:
    """Whole numbers without `.0`: what a client wrote as 10 is answered as 10."""
    return int(number) if number is not None and number == int(number) else number


class ConnectionTest(Struct, frozen=True, kw_only=True):
    """The immediate test (published)."""

    data_source_id: int
    status: Literal["active", "failed", "testing"]
    connection_successful: bool
    response_time_ms: int | None
    """The time of the test query, on a connection that is open."""
    test_query_result: str | None
    test_query_has_row: bool | None
    """Tells no row (false) from a null (true), which have no result both."""
    tested_at: datetime
    ssh_tunnel_established: bool
    database_version: str | None
    error_message: str | None
    error_code: ErrorCode | None
    job_id: int
    attempts: int = 1
    """How often it was tried: more than once when a process, a worker or a server was lost under it."""


class SourceDetails(Struct, frozen=True, kw_only=True):
    """A source with its state (contract 3.3)."""

    id: int
    organization_id: int
    workspace_id: int
    """The one it was registered in; without one, the organization's."""
    name: str
    type: str
    description: str | None
    host: str | None
    port: int | None
    database_name: str | None
    schema_name: str | None
    connection_string: None
    """Taken apart when it comes in, and never given back."""
    file_path: str | None
    use_ssh_tunnel: bool
    ssh_host: str | None
    ssh_port: int | None
    ssh_username: str | None
    ssh_key_id: int | None
    """Always null: a key is stored with its source."""
    ssh_local_port: int | None
    connection_pool_size: int
    connection_timeout: int
    query_timeout: int
    max_retries: int
    status: str
    last_tested_at: datetime | None
    last_successful_connection_at: datetime | None
    last_failed_connection_at: datetime | None
    failure_count: int
    failure_reason: str | None
    schema_discovered_at: datetime | None
    schema_auto_refresh: bool
    schema_refresh_interval: int
    """Seconds."""
    metadata: dict[str, Any]
    tags: list[str]
    created_by_user_id: int | None
    created_at: datetime
    updated_at: datetime
    updated_by_user_id: int | None


class Pagination(Struct, frozen=True):
    """Where in the list this page lies."""

    page: int
    page_size: int
    total_items: int
    total_pages: int
    has_next: bool
    has_previous: bool


class RemovedSource(Struct, frozen=True):
    """A source that was removed, and when."""

    data_source_id: int
    deleted_at: datetime


class SourcePage(Struct, frozen=True):
    """One page of sources."""

    items: list[SourceDetails]
    pagination: Pagination


class HealthCheck(Struct, frozen=True, kw_only=True):
    """One finished check; `inactive` is one that says nothing about the source, because it was lost on our side."""

    status: Literal["active", "failed", "inactive"]
    response_time_ms: int | None
    """The time of the connection step's first query, the same in every check, on a connection that is open."""
    checked_at: datetime
    error_code: str | None
    trigger: str
    job_id: int | None
    """None for a check of a sweep, which has no job of its own."""
    counts: bool
    """Whether it is part of the uptime; a test that was asked for while the source was being set up is not."""


class Window(Struct, frozen=True, kw_only=True):
    """Figures of a stretch of time that ends now and begins at a full hour; the rest of it is unknown."""

    uptime_percentage: float | None
    up_seconds: float
    down_seconds: float
    checks: int
    failures: int


class Percentiles(Struct, frozen=True):
    """Response times in milliseconds, within 5 %."""

    p50: int | None
    p95: int | None
    p99: int | None


class HealthStep(Struct, frozen=True):
    """What came of a step of the newest check."""

    outcome: str
    duration_ms: int | None


class Health(Struct, frozen=True, kw_only=True):
    """How a source has been (contract 3.4), and what `docs/health.md` adds to it."""

    data_source_id: int
    current_status: str
    last_health_check: HealthCheck | None
    health_history: list[HealthCheck]
    uptime_percentage: float | None
    avg_response_time_ms: int | None
    min_response_time_ms: int | None
    max_response_time_ms: int | None
    failure_count_24h: int
    last_failure_at: datetime | None
    status_since: datetime | None
    stale: bool
    """Whether nothing is known about now: no check within twice the expected interval."""
    expected_seconds: float | None
    """Until the next check of its schedule; null without one."""
    window: str
    """Which of the windows the figures above are about."""
    windows: dict[str, Window]
    percentiles: Percentiles
    steps: dict[str, HealthStep]


class Schedule(Struct, frozen=True, kw_only=True):
    """When a source is checked without being asked; of `interval_seconds`, `cron` and `rrule`, one is set."""

    data_source_id: int
    interval_seconds: float | None
    cron: str | None
    rrule: str | None
    """Set in the Prefect UI only."""
    timezone: str | None
    active: bool


class BadgeToken(Struct, frozen=True):
    """What makes a source's badge public; shown once."""

    data_source_id: int
    token: str
    path: str
    """Where the badge is, below the API's address."""


class Liveness(Struct, frozen=True):
    """The process answers."""

    status: Literal["live"] = "live"


class Readiness(Struct, frozen=True):
    """Whether a test would be taken up, and what is missing."""

    ready: bool
    catalogue: bool
    prefect: bool
    worker: bool
    settings: bool
    """Whether the keys decrypt what is stored, and Prefect knows the deployments."""
    runs: bool
    """Whether tests come to a verdict: false when each of the newest ones failed on our side."""
    problems: dict[str, str]
    """A sentence for each part that is missing or broken."""
