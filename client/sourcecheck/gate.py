"""A gate for pipelines: goes on when a source is healthy, and raises the reason when it is not.

    from sourcecheck.gate import require_healthy

    require_healthy("warehouse", max_age="10m")

`sourcecheck.prefect` has the same as a task of a flow.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from sourcecheck.ages import seconds
from sourcecheck.client import Client
from sourcecheck.models import Job, Source, SourceState


class Healthy(Struct, frozen=True):
    """A source that passed, and when it was found to."""

    source: Source
    tested_at: datetime
    job_id: int | None = None
    """The test that was made for it; None where a fresh result was there."""


def require_healthy(
    name: str, max_age: str = "10m", *, client: Client | None = None, timeout: float | None = None
) -> Healthy:
    """The source, once it has passed a test that is no older than `max_age`.

    Without such a result, and after a failure, a test is made; `timeout` is how many seconds it may take. Raises
    `CheckFailed` (with the step, the code and the advice), `QuestionOpen`, `TestCancelled`, `NotFound`,
    `ServiceUnreachable`, and `TimeoutError`.
    """
    if client is None:
        with Client() as own:
            return require_healthy(name, max_age, client=own, timeout=timeout)
    (healthy,) = require_all([client.find(name)], max_age, client, timeout)
    return healthy


def require_all(sources: Sequence[Source], max_age: str, client: Client, timeout: float | None = None) -> list[Healthy]:
    """The same for several sources, whose tests run side by side. Raises for the first that is not healthy."""
    found = []
    for source, begun in [(source, begin(source, max_age, client)) for source in sources]:
        found.append(begun if isinstance(begun, Healthy) else _passed(source, client.wait_for(begun, timeout)))
    return found


def begin(source: Source, max_age: str, client: Client) -> Healthy | int:
    """The source, if a fresh result says that it is healthy; else the id of a test that was asked for."""
    now = datetime.now(UTC)
    tested_at = fresh(source, client.get_state(source.id), timedelta(seconds=seconds(max_age)), now)
    return Healthy(source, tested_at) if tested_at else client.start_test(source.id)


def fresh(source: Source, state: SourceState, max_age: timedelta, now: datetime) -> datetime | None:
    """When the source was last found healthy, if that counts: recent enough, and about what it is now."""
    last = source.last_test
    if last is None or not last.results or any(step.failed or step.result is None for step in last.results):
        return None
    if state.failure_reason is not None or last.tested_at < now - max_age or last.tested_at < state.updated_at:
        return None
    return last.tested_at


def _passed(source: Source, job: Job) -> Healthy:
    job.raise_for_verdict()
    return Healthy(source, datetime.now(UTC), job.id)
