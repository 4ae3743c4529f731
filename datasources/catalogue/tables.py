"""The catalogue's tables. Alembic's revisions in `migrations/` make them; a test holds both against each other."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from datasources.model.vocabulary import JobStatus

MAX_ID = 2**63 - 1
"""The greatest id that a table can hold: PostgreSQL refuses a question about a greater one."""


class Base(DeclarativeBase):
    """Common types and names of constraints."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: BigInteger,
        str: Text,
        bytes: LargeBinary,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
    }


class IdMixin:
    """An integer id from the database, and when the row was made."""

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Organization(IdMixin, Base):
    """Whose sources these are; everything else is scoped to one."""

    __tablename__ = "organizations"

    name: Mapped[str] = mapped_column(unique=True)
    status_page: Mapped[str | None] = mapped_column(unique=True)
    """The last part of the address of its public status page; None while it has none."""


class User(IdMixin, Base):
    """A person, or a program that acts as one."""

    __tablename__ = "users"

    name: Mapped[str]
    email: Mapped[str | None] = mapped_column(unique=True)


class Membership(Base):
    """A user in an organization."""

    __tablename__ = "memberships"

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(server_default=text("'member'"))


class ApiKey(IdMixin, Base):
    """A key, as a SHA-256 hash: keys carry 256 bits of entropy, so a slow hash would add nothing."""

    __tablename__ = "api_keys"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    organization_id: Mapped[int | None] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    """The organization it acts in; None means the user's first one."""
    name: Mapped[str]
    prefix: Mapped[str]
    """The first characters, to tell keys apart in a list."""
    hash: Mapped[bytes] = mapped_column(unique=True)
    on_question: Mapped[str] = mapped_column(server_default=text("'ask'"))
    """`ask` or `fail`: what a test does that needs a person's answer."""
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SignInLink(IdMixin, Base):
    """An address that signs a person in to the pages once, as the owner of a key."""

    __tablename__ = "sign_in_links"

    key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), index=True)
    hash: Mapped[bytes] = mapped_column(unique=True)
    """Of its secret part; like a key it carries 256 bits of entropy."""
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class DataSource(IdMixin, Base):
    """A registered source. Its secrets are in `secret`, encrypted; `options` and `ssh_tunnel` have none."""

    __tablename__ = "data_sources"
    __table_args__ = (
        Index(
            "uq_data_sources_live_name",
            "organization_id",
            "name",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    created_by_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    name: Mapped[str]
    type: Mapped[str]
    options: Mapped[dict[str, Any]]
    ssh_tunnel: Mapped[dict[str, Any] | None]
    secret: Mapped[bytes | None]
    fields: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    """The other fields of the published schema, as they were given."""
    temp_schema: Mapped[str | None]
    dialect: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    """What only the hyphen API has of it: its workspace, its metadata, …; what is not there has its default."""
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    """Goes up with every change of what a test depends on."""
    status: Mapped[str] = mapped_column(server_default=text("'inactive'"))
    failure_count: Mapped[int] = mapped_column(server_default=text("0"))
    """Failed tests in a row."""
    failure_reason: Mapped[str | None]
    last_tested_at: Mapped[datetime | None]
    last_successful_connection_at: Mapped[datetime | None]
    last_failed_connection_at: Mapped[datetime | None]
    schema_discovered_at: Mapped[datetime | None]
    last_test: Mapped[dict[str, Any] | None]
    """`{"tested_at", "results"}` of the newest finished test."""
    down_after: Mapped[int] = mapped_column(server_default=text("3"))
    """Failed checks in a row after which an active source counts as failed."""
    up_after: Mapped[int] = mapped_column(server_default=text("2"))
    """Passed checks in a row after which a failed source counts as active."""
    pass_count: Mapped[int] = mapped_column(server_default=text("0"))
    """Passed tests in a row."""
    status_since: Mapped[datetime | None]
    status_revision: Mapped[int | None]
    """The revision that the counts of checks in a row are about."""
    plan: Mapped[dict[str, Any] | None]
    """Its schedule as `datasources.health.plan.Plan`: a copy of its timetable's, inactive where `checks_paused`."""
    timetable_id: Mapped[int | None] = mapped_column(ForeignKey("timetables.id", ondelete="SET NULL"), index=True)
    checks_paused: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether its own schedule is paused; its timetable may be paused as well."""
    full_test_due_at: Mapped[datetime | None]
    """When a scheduled check runs all steps again; None before the first test that did."""
    badge_hash: Mapped[bytes | None] = mapped_column(unique=True)
    """The SHA-256 hash of the token under which its badge is public; None means that it is not."""
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_by_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    deleted_at: Mapped[datetime | None]
    restorable: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether it was removed so that it can be brought back; its secrets are kept then."""


class Job(IdMixin, Base):
    """One request to test a source, and, once it has ended, what came of it."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_open", "id", postgresql_where=text("ended_at IS NULL")),
        Index("ix_jobs_history", "source_id", "ended_at"),
        Index("ix_jobs_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    source_id: Mapped[int] = mapped_column(ForeignKey("data_sources.id", ondelete="CASCADE"))
    source_revision: Mapped[int]
    requested_by_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    trigger: Mapped[str]
    """`test` (asynchronous), `immediate` or `schedule`."""
    steps: Mapped[list[Any]]
    """Names of the tasks to run, of `datasources.model.steps.STEPS`."""
    test_query: Mapped[bytes | None]
    """Encrypted: a query may hold confidential values."""
    timeout_seconds: Mapped[int | None]
    """The caller's own limit; None means the defaults of the source and of the settings."""
    on_question: Mapped[str] = mapped_column(server_default=text("'ask'"))
    counts: Mapped[bool | None]
    """Whether the request says that it counts in the source's uptime; None leaves it to the rule."""
    deadline: Mapped[datetime]
    """When the job is ended by force."""
    flow_run_id: Mapped[UUID | None] = mapped_column(unique=True)
    """None until Prefect has accepted it."""
    dispatched_at: Mapped[datetime | None]
    status: Mapped[JobStatus] = mapped_column(Text, server_default=text("'waiting'"))
    cancel_requested_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    results: Mapped[list[Any] | None]
    """Every finished task as `datasources.model.Published`, once the job has ended."""
    reason: Mapped[str | None]
    """Why it did not pass, in a sentence, once the job has ended."""
    error_code: Mapped[str | None]
    """The first error code of an ended job."""
    question: Mapped[dict[str, Any] | None]
    """The question that the run waits for; null when it waits for none."""
    answers: Mapped[list[Any] | None]
    """Who answered what, and when; never a secret."""
    losses: Mapped[list[Any] | None]
    """Attempts that were lost, as `datasources.model.losses.Loss`, oldest first."""
    found: Mapped[list[Any] | None]
    """What lost attempts had found, as `datasources.model.Published`: the next one goes on from there."""
    run_secret: Mapped[bytes | None]
    """Secrets given for this run alone, encrypted; gone when the job has ended."""

    source: Mapped[DataSource] = relationship(lazy="raise")


class HostKey(IdMixin, Base):
    """The key of an SSH gateway that a member of the organization has confirmed or registered."""

    __tablename__ = "host_keys"
    __table_args__ = (
        Index(
            "uq_host_keys_live",
            "organization_id",
            "host",
            "port",
            "fingerprint",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    host: Mapped[str]
    """As it is written in the sources, in lower case."""
    port: Mapped[int]
    fingerprint: Mapped[str]
    key_type: Mapped[str | None]
    """None where only the fingerprint is known."""
    origin: Mapped[str]
    """`confirmed` (a test had asked), `prefect` (the same, answered in the Prefect UI) or `registered`."""
    job_id: Mapped[int | None]
    """The test that had asked."""
    added_by_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    revoked_at: Mapped[datetime | None]
    revoked_by_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class HealthRecord(Base):
    """One finished check of a source, asked for by a client or a schedule."""

    __tablename__ = "health_records"
    __table_args__ = (Index("ix_health_records_history", "source_id", "checked_at"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("data_sources.id", ondelete="CASCADE"))
    job_id: Mapped[int | None] = mapped_column(unique=True)
    """Not a reference: jobs are removed before their records. None for a check of a sweep, which has no job."""
    checked_at: Mapped[datetime]
    passed: Mapped[bool | None]
    """None when the check says nothing about the source: it was lost on our side."""
    response_time_ms: Mapped[float | None]
    error_code: Mapped[str | None]
    trigger: Mapped[str]
    counts: Mapped[bool] = mapped_column(server_default=text("true"))
    """Whether it is part of the source's uptime and of its other figures."""
    steps: Mapped[dict[str, Any]]
    """Outcome and milliseconds by task."""
    expected_seconds: Mapped[float | None]
    """How long after it the next check was due; None without a schedule."""


class HealthRollup(Base):
    """An hour of a source, in figures that can be added up."""

    __tablename__ = "health_rollups"

    source_id: Mapped[int] = mapped_column(ForeignKey("data_sources.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    checks: Mapped[int]
    failures: Mapped[int]
    up_seconds: Mapped[float]
    down_seconds: Mapped[float]
    """What is left of the hour is unknown."""
    response_times: Mapped[dict[str, Any]]
    """Counts of response times by bucket, their sum, minimum and maximum, in milliseconds."""


class Timetable(IdMixin, Base):
    """When sources of an organization are checked: those that are checked at the same times share one."""

    __tablename__ = "timetables"

    organization_id: Mapped[int] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"), index=True)
    plan: Mapped[dict[str, Any]]
    """`datasources.health.plan.Plan`, as Prefect had it when we looked last; Prefect's is the truth."""
    in_prefect: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether Prefect has its schedule: only while a source of it is to be checked."""


class Sweep(IdMixin, Base):
    """One round over the sources of a timetable."""

    __tablename__ = "sweeps"
    __table_args__ = (
        UniqueConstraint("timetable_id", "due_at"),
        Index("ix_sweeps_open", "id", postgresql_where=text("ended_at IS NULL")),
    )

    timetable_id: Mapped[int] = mapped_column(ForeignKey("timetables.id", ondelete="CASCADE"))
    due_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    """When the next one is due, which takes its place."""
    heard_at: Mapped[datetime]
    """The newest sign of life of one of its runs."""
    runs: Mapped[int] = mapped_column(server_default=text("1"))
    """How many runs it has had so far."""
    ended_at: Mapped[datetime | None]


class SourceCheck(Base):
    """The newest claim of a sweep on a source: who checks it, for which sweep, and until when that holds."""

    __tablename__ = "source_checks"

    source_id: Mapped[int] = mapped_column(ForeignKey("data_sources.id", ondelete="CASCADE"), primary_key=True)
    due_at: Mapped[datetime]
    """The moment of the sweep."""
    owner: Mapped[UUID]
    """Who has claimed it: a flow run, in one of its lives."""
    claimed_until: Mapped[datetime | None] = mapped_column(index=True)
    """None once the check has ended, or there was nothing to check; its owner renews it again and again until then."""
    lost: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether the process of its newest check was lost: the next one has a process of its own."""


class StatusChange(Base):
    """A source went from one status to another; one Prefect event each."""

    __tablename__ = "status_changes"
    __table_args__ = (Index("ix_status_changes_unsent", "id", postgresql_where=text("emitted_at IS NULL")),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("data_sources.id", ondelete="CASCADE"), index=True)
    job_id: Mapped[int | None]
    """The test that decided it, or that says why: a sweep has the source tested in full when it becomes failed."""
    changed_at: Mapped[datetime]
    was: Mapped[str]
    became: Mapped[str]
    reason: Mapped[str | None]
    error_code: Mapped[str | None]
    remediation: Mapped[str | None]
    """What to do about it, as the check that decided it said; None in rows from before revision 0004."""
    emitted_at: Mapped[datetime | None]
    """None until Prefect has the event."""


NAME = Text(collation="C")
"""Names of a source's own tables: in the order of their characters, whatever the language of our server."""


class SchemaVersion(Base):
    """What downloads of a source's schema, or of its lineage, found from one change to the next (docs/schemas.md)."""

    __tablename__ = "schema_versions"
    __table_args__ = (UniqueConstraint("source_id", "part", "number"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("data_sources.id", ondelete="CASCADE"))
    part: Mapped[str]
    """`schema` or `lineage`: each has versions of its own."""
    number: Mapped[int]
    """From 1 on, by source and part."""
    job_id: Mapped[int]
    """The test that found it first. Not a reference: jobs are removed before."""
    made_at: Mapped[datetime]
    confirmed_at: Mapped[datetime]
    """When the newest download ended that found just this."""
    duration_ms: Mapped[int]
    """How long that download took."""
    scope: Mapped[bytes]
    """A fingerprint of where the source is and of its lists: what is gone by an edit of those was not dropped."""
    figures: Mapped[dict[str, Any]]
    """How much there is, as `datasources.catalogue.schemas.figures` has it."""
    changes: Mapped[dict[str, Any]]
    """How many changes there were since the version before, by kind of change; empty for the first one."""


class KeptTable(Base):
    """A table or view of a source, from the version that found it like this to the one that found it otherwise."""

    __tablename__ = "kept_tables"

    source_id: Mapped[int] = mapped_column(ForeignKey("data_sources.id", ondelete="CASCADE"), primary_key=True)
    schema_name: Mapped[str] = mapped_column(NAME, primary_key=True)
    table_name: Mapped[str] = mapped_column(NAME, primary_key=True)
    since: Mapped[int] = mapped_column(primary_key=True)
    """The number of the first version with it."""
    until: Mapped[int | None]
    """The number of the first version without it; None for what is there now."""
    closed_at: Mapped[datetime | None]
    """When that version was made."""
    kind: Mapped[str]
    column_count: Mapped[int]
    rows: Mapped[int | None]
    """The server's own estimate. It moves all the time, and makes no new version."""
    fingerprint: Mapped[bytes]
    """Of everything but the estimate."""
    shape: Mapped[bytes]
    """A fingerprint of the columns' names and types: a renamed table has the same."""
    content: Mapped[bytes]
    """`datasources.databases.base.Table` as compressed JSON."""
    searched: Mapped[str]
    """Names and comments in small letters, one a line."""


class KeptEdge(Base):
    """An edge of a source's lineage, from the version that found it like this to the one that found it otherwise."""

    __tablename__ = "kept_edges"
    __table_args__ = (
        Index("ix_kept_edges_down", "source_id", "from_schema", "from_table"),
        Index("ix_kept_edges_up", "source_id", "to_schema", "to_table"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("data_sources.id", ondelete="CASCADE"))
    from_schema: Mapped[str] = mapped_column(NAME)
    from_table: Mapped[str] = mapped_column(NAME)
    to_schema: Mapped[str] = mapped_column(NAME)
    to_table: Mapped[str] = mapped_column(NAME)
    origin: Mapped[str]
    """Where it was learnt: `datasources.databases.base.Origin`."""
    since: Mapped[int]
    until: Mapped[int | None]
    closed_at: Mapped[datetime | None]
    fingerprint: Mapped[bytes]
    content: Mapped[bytes]
    """`datasources.databases.base.LineageEdge` as compressed JSON."""


class SchemaChange(Base):
    """One difference between a version and the one before."""

    __tablename__ = "schema_changes"
    __table_args__ = (
        Index("ix_schema_changes_history", "source_id", "id"),
        Index("ix_schema_changes_unsent", "id", postgresql_where=text("announced AND emitted_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("data_sources.id", ondelete="CASCADE"))
    part: Mapped[str]
    version: Mapped[int]
    job_id: Mapped[int]
    changed_at: Mapped[datetime]
    change: Mapped[str]
    """`added`, `removed`, `renamed` or `changed`."""
    schema_name: Mapped[str]
    table_name: Mapped[str]
    """Of an edge, what it leads to."""
    details: Mapped[dict[str, Any]]
    """`datasources.catalogue.schemas.compare.TableChange` or `EdgeChange`."""
    announced: Mapped[bool]
    """Whether a rule asks for an event."""
    emitted_at: Mapped[datetime | None]
    """None until Prefect has the event."""


class DueDownload(Base):
    """A download that a schedule has asked for, until it is made into a job."""

    __tablename__ = "due_downloads"

    source_id: Mapped[int] = mapped_column(ForeignKey("data_sources.id", ondelete="CASCADE"), primary_key=True)
    download: Mapped[str] = mapped_column(primary_key=True)
    """`schema` or `lineage`."""
    due_at: Mapped[datetime]
