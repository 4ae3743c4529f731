"""What a check of a source found: one result a step, as it is kept and answered (contract 2.4)."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from datasources.model.vocabulary import Code, ErrorCode, JobStatus, Outcome


class StepResult(Struct, kw_only=True, frozen=True):
    """What one step found: contract 2.4. Code, message and outcome are never null."""

    code: Code
    message: str
    outcome: Outcome
    error_code: ErrorCode | None = None
    remediation: str | None = None
    duration_ms: int | None = None
    details: dict[str, Any] = {}


class Finding(Struct, kw_only=True, frozen=True):
    """What a step returns when the answer is yes, or when it does not apply."""

    message: str
    details: dict[str, Any] = {}
    outcome: Outcome = Outcome.success


class Published(Struct, kw_only=True, frozen=True):
    """One finished task of a job, as it is written into Prefect's run metadata and read back."""

    job_id: int
    task: str
    result: StepResult
    carried_out: bool = True
    ended_at: datetime | None = None

    @property
    def status(self) -> JobStatus:
        """A verdict, even a "no", is `done`; what could not be carried out is `failed` (contract 2.4)."""
        if self.carried_out:
            return JobStatus.done
        return JobStatus.cancelled if self.result.code is Code.SKIP else JobStatus.failed


def not_asked_for(job_id: int, step: str) -> Published:
    """What is answered of a step that a test does not have (contract 2.4); `job_id` is 0 for a check of a sweep."""
    result = StepResult(code=Code.SKIP, message="Not asked for in this run", outcome=Outcome.skipped)
    return Published(job_id=job_id, task=step, result=result)
