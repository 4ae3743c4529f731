"""What Prefect has said last of each open job."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from api.prefect.client import SERVER_ANSWER_SECONDS, PrefectServer, Run
from datasources.catalogue.tables import Job


class Runs:
    """The last reading of each job, in memory: pollers are answered from here."""

    def __init__(self, prefect: PrefectServer) -> None:
        self._prefect = prefect
        self._by_job: dict[int, Run] = {}
        self._detailed: frozenset[int] = frozenset()

    def get(self, job_id: int) -> Run | None:
        """What Prefect said last of an open job; None before it was read, and when Prefect does not know its run."""
        return self._by_job.get(job_id)

    def was_detailed(self, job_id: int) -> bool:
        """Whether the last reading included the steps of this job."""
        return job_id in self._detailed

    def forget(self, job_id: int) -> None:
        """It had ended, and runs again."""
        self._by_job.pop(job_id, None)

    def forget_all_but(self, open_jobs: Collection[int]) -> None:
        """The others have ended, and are answered from the catalogue."""
        self._by_job = {job_id: run for job_id, run in self._by_job.items() if job_id in open_jobs}

    async def read(
        self, jobs: Sequence[Job], detailed: frozenset[int], told: Mapping[UUID, Run | None] | None = None
    ) -> None:
        """Read these jobs' runs, and of those in `detailed` the steps as well.

        What was `told` of a run that has completed is believed. Raises what Prefect's client raises, and
        `TimeoutError`; then nothing has changed.
        """
        ids = {job.id: job.flow_run_id for job in jobs if job.flow_run_id}
        known = {run_id: self._by_job[job_id] for job_id, run_id in ids.items() if job_id in self._by_job}
        known |= {run_id: run for run_id, run in (told or {}).items() if run}
        closely = {run_id for job_id, run_id in ids.items() if job_id in detailed}
        async with asyncio.timeout(SERVER_ANSWER_SECONDS):
            found = await self._prefect.read(list(ids.values()), known, closely)
        self._by_job = {job_id: run for job_id, run in self._by_job.items() if job_id not in ids}
        self._by_job |= {job_id: found[run_id] for job_id, run_id in ids.items() if run_id in found}
        self._detailed = detailed
