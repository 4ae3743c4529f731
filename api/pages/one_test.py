"""One test as a page shows it: made from what the API answers of the same job, and from when its steps ended."""

from datetime import UTC, datetime
from typing import Any, ClassVar
from zlib import crc32

import msgspec
from msgspec import Struct

from api.jobs.view import published_of, view
from api.pages.drawing.waterfall import Stage, Stretch, waterfall
from api.prefect.client import Run
from datasources.catalogue.tables import Job
from datasources.model.questions import Question
from datasources.model.results import Published
from datasources.model.steps import in_table_order
from datasources.model.vocabulary import JobStatus

TITLES = {
    "connection": "Connection",
    "version_probe": "Version",
    "temp_schema": "Temporary schema",
    "schema_download": "Schema",
    "lineage_download": "Lineage",
    "test_query": "Test query",
}
"""Steps, as a person calls them."""
VERDICTS = {
    JobStatus.done: ("up", "Passed"),
    JobStatus.failed: ("down", "Failed"),
    JobStatus.cancelled: ("skipped", "Cancelled"),
    JobStatus.processing: ("runs", "Running"),
    JobStatus.waiting: ("runs", "Waiting for its turn"),
    JobStatus.needs_confirmation: ("asks", "Waits for your confirmation"),
    JobStatus.needs_authentication: ("asks", "Waits for a secret"),
}
"""Mark and words of where a test stands."""
TRIGGERS = {"test": "requested", "immediate": "requested (quick)", "schedule": "scheduled"}


class StepView(Struct, frozen=True, kw_only=True):
    """One step."""

    name: str
    title: str
    mark: str
    word: str
    message: str
    error_code: str | None = None
    advice: list[tuple[str, bool]] = []
    """Pieces of the advice, and whether each is something to copy."""
    warning: str = ""
    """What the step found beside its answer, such as a certificate that was not verified."""
    duration_ms: float | None = None
    stretch: Stretch | None = None
    stages: list[Stage] = []
    details: str = ""
    """As indented JSON; empty without any."""


class TestView(Struct, frozen=True, kw_only=True):
    """A test."""

    __test__: ClassVar[bool] = False

    id: int
    mark: str
    word: str
    status: JobStatus
    ended: bool
    reason: str | None
    version: str | None
    trigger: str
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    steps: list[StepView]
    total_ms: float
    question: Question | None
    run_address: str | None

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """Of what is shown: while it is the same, nothing is drawn again."""
        running = round(self.total_ms, -2) if any(step.mark == "runs" for step in self.steps) else 0
        asks = self.question.number if self.question else 0
        return (self.id, self.status, asks, running, *((step.mark, step.word) for step in self.steps))

    @property
    def look(self) -> str:
        """The same, short enough for the page: what it shows already is not drawn again over what a person was told."""
        return f"{crc32(repr(self.fingerprint).encode()):08x}"


def show_test(job: Job, run: Run | None, prefect_ui: str | None, now: datetime | None = None) -> TestView:
    """The job as it stands."""
    answer = view(job, run)
    published = published_of(job, run)
    standing: dict[str, JobStatus] = {step.step: step.status for step in answer.results}
    standing |= {step.step: step.status for step in answer.checks}
    wanted = [name for name in in_table_order(standing) if name in job.steps or name in published]
    running = [name for name in wanted if standing[name] is JobStatus.processing]
    drawn = waterfall(published, running, now or datetime.now(UTC))
    mark, word = VERDICTS[answer.status]
    steps = [
        _step(name, published.get(name), standing[name], answer.status, drawn.steps.get(name), drawn.stages)
        for name in wanted
        if name in job.steps
    ]
    return TestView(
        id=job.id,
        mark=mark,
        word=word,
        status=answer.status,
        ended=job.ended_at is not None,
        reason=answer.reason,
        version=answer.version,
        trigger=TRIGGERS.get(job.trigger, job.trigger),
        asked_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        steps=steps,
        total_ms=drawn.total_ms,
        question=answer.question,
        run_address=f"{prefect_ui}/runs/flow-run/{job.flow_run_id}" if prefect_ui and job.flow_run_id else None,
    )


def _step(
    name: str,
    found: Published | None,
    status: JobStatus,
    of_test: JobStatus,
    stretch: Stretch | None,
    stages: list[Stage],
) -> StepView:
    title = TITLES.get(name, name.replace("_", " ").capitalize())
    if found is None:
        mark, word = ("runs", "running") if status is JobStatus.processing else ("unknown", "not begun")
        message = "Waits for your answer" if of_test.value.startswith("needs") else ""
        return StepView(name=name, title=title, mark=mark, word=word, message=message, stretch=stretch)
    result = found.result
    mark = {"success": "up", "failed": "down", "skipped": "skipped"}[result.outcome]
    word = {"success": "passed", "failed": "failed", "skipped": "skipped"}[result.outcome]
    return StepView(
        name=name,
        title=title,
        mark=mark,
        word=word,
        message=result.message,
        error_code=result.error_code,
        advice=pieces(result.remediation or ""),
        warning=str(result.details.get("warning") or ""),
        duration_ms=result.duration_ms,
        stretch=stretch,
        stages=stages if name == "connection" else [],
        details=pretty(result.details),
    )


def pieces(advice: str) -> list[tuple[str, bool]]:
    """An advice cut at its backticks: what stands between two of them is to be copied as it is."""
    return [(piece, bool(number % 2)) for number, piece in enumerate(advice.split("`")) if piece]


def pretty(details: dict[str, Any]) -> str:
    """Details as a person reads them."""
    return msgspec.json.format(msgspec.json.encode(details), indent=2).decode() if details else ""
