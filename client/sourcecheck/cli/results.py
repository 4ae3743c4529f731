"""One tested source: what reports and screens show of it."""

from msgspec import Struct

from sourcecheck.models import Job, Source, Step


class SourceResult(Struct, frozen=True):
    """A source and its test, which has ended or waits for an answer."""

    source: Source
    job: Job
    seconds: float = 0.0

    @property
    def word(self) -> str:
        """`passed`, `failed`, `asks` or `cancelled`."""
        if self.job.passed:
            return "passed"
        if self.job.status.asks:
            return "asks"
        return "cancelled" if self.job.status.value == "cancelled" else "failed"

    @property
    def failures(self) -> list[Step]:
        """The steps that said no."""
        return [step for step in self.job.steps if step.failed]

    @property
    def sentence(self) -> str:
        """Why the source did not pass, or what the test asks; empty for a source that passed."""
        if self.job.passed:
            return ""
        if self.job.question and self.job.status.asks:
            return self.job.question.message
        found = next((step.result.message for step in self.failures if step.result), "")
        return found or self.job.reason or self.job.status.value
