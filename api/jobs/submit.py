"""How a request for a test becomes a job, or joins one."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Member
from api.jobs.following.watch import Watch
from api.limits import refuse_when_full
from api.wire.errors import Invalid
from api.wire.requests import TestRequest
from api.wire.responses import JOINED
from datasources.catalogue.health.claims import CHECK_SECONDS
from datasources.catalogue.jobs.jobs import deadline, ids_of
from datasources.catalogue.jobs.queue import ahead_of_new
from datasources.catalogue.tables import DataSource, Job
from datasources.databases import DATABASES
from datasources.model.errors import SecretsError
from datasources.model.settings import Settings
from datasources.model.steps import KindOfTest, steps_of
from datasources.secrecy.vault import Vault

logger = logging.getLogger("sourcecheck.jobs")


class Accepted(Struct, frozen=True):
    """The job of a request, and whether an equal request had made it."""

    job: Job
    joined: bool

    @property
    def headers(self) -> dict[str, str]:
        """What tells the client so."""
        return {JOINED: "true"} if self.joined else {}


class TestSpec(Struct, frozen=True):
    """What makes two requests for a test of one source equal."""

    revision: int
    steps: tuple[str, ...]
    test_query: str | None
    timeout_seconds: int | None
    on_question: str
    counts: bool | None


class Submitter:
    """Accepts requests for tests, with what each API process has for all of them."""

    def __init__(self, settings: Settings, vault: Vault, watch: Watch) -> None:
        self._settings = settings
        self._vault = vault
        self._watch = watch

    async def accept(
        self, session: AsyncSession, member: Member, source: DataSource, asked: TestRequest, kind: KindOfTest
    ) -> Accepted:
        """Join the open job of an equal request, or write a new one down behind those that are open.

        The caller has locked the source: of two equal requests at once, the second finds the job of the first. The
        watch hands the job to Prefect when its turn comes: a run never looks for a job that is not there.
        Raises `Problem`: 422 when the driver is not installed, 503 when too many jobs wait.
        """
        _require_driver(source.type, source.options)
        spec = TestSpec(
            revision=source.revision,
            steps=tuple(steps_of(kind, query=asked.test_query is not None)),
            test_query=asked.test_query,
            timeout_seconds=asked.timeout_seconds,
            on_question=asked.on_question or member.on_question,
            counts=asked.counts,
        )
        ahead = await ahead_of_new(session, source)
        job = self._equal(spec, ahead.jobs)
        joined = job is not None
        if job is None:
            refuse_when_full(ahead.waiting, self._settings)
            until = [each.deadline for each in ahead.jobs if each.question is None]
            if ahead.claimed:
                until.append(datetime.now(UTC) + timedelta(seconds=CHECK_SECONDS))
            job = self._job(spec, member, source, until, kind)
            session.add(job)
            await session.flush()
        await session.commit()
        self._watch.dispatch_soon()
        logger.info("%s by user %d", "joined" if joined else "accepted", member.user_id, extra=ids_of(job))
        return Accepted(job, joined)

    def _equal(self, spec: TestSpec, queue: Sequence[Job]) -> Job | None:
        """The newest open job that answers this spec as well; one that is being cancelled does not."""
        same = (job for job in reversed(queue) if job.cancel_requested_at is None and self._spec_of(job) == spec)
        return next(same, None)

    def _spec_of(self, job: Job) -> TestSpec | None:
        try:
            query = self._vault.open(job.test_query) or None
        except SecretsError:  # sealed with a key that is gone: it equals nothing, and its run will say why
            return None
        return TestSpec(job.source_revision, tuple(job.steps), query, job.timeout_seconds, job.on_question, job.counts)

    def _job(
        self, spec: TestSpec, member: Member, source: DataSource, ahead: Sequence[datetime], kind: KindOfTest
    ) -> Job:
        limit = spec.timeout_seconds or self._settings.job_timeout
        return Job(
            organization_id=source.organization_id,
            source_id=source.id,
            source_revision=spec.revision,
            requested_by_user_id=member.user_id,
            trigger=kind.trigger,
            steps=list(spec.steps),
            test_query=self._vault.seal(spec.test_query) if spec.test_query else None,
            timeout_seconds=spec.timeout_seconds,
            on_question=spec.on_question,
            counts=spec.counts,
            deadline=deadline(limit, ahead),
        )


def _require_driver(kind: str, options: Mapping[str, Any]) -> None:
    """Refuse it before anything is queued; a worker whose installation differs from the API's may still refuse it."""
    if missing := DATABASES[kind].missing_driver(options):
        raise Invalid(["path", "source_id"], missing, "driver_missing")
