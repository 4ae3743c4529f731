"""Run by `test_add_step` in a copy of the tree to which a step was added: proves that one file and one line do it all.

Its arguments are the port of a PostgreSQL server and the password of its `reader`; it ends with 0.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime

import msgspec

from api.app import create_app
from api.jobs.following.outcome import complete
from api.jobs.view import view
from datasources.catalogue.health.record_check import Checked, record_of
from datasources.catalogue.tables import DataSource, Job
from datasources.databases.postgres.model import PgOptions, PgSource
from datasources.health.verdict import source_passed
from datasources.model.results import Published
from datasources.model.steps import KindOfTest, steps_of
from datasources.model.vocabulary import ErrorCode, JobStatus
from datasources.secrecy.scrubber import Scrubber
from flows.check_source import verdict
from tasks.context import StepContext
from tasks.runner import perform
from tasks.sequence import run_steps


def context_of(options: PgOptions, include: str | None) -> StepContext:
    """A test of a source with this list of what to include, which the example step looks at."""
    return StepContext(
        job_id=1,
        source_id=1,
        source=PgSource(name="Example", options=options, catalog_include_list=include),
        scrubber=Scrubber([]),
        deadline=time.time() + 60,
    )


def judge(options: PgOptions, include: str | None) -> tuple[str | None, Job]:
    """Run a whole test; the name of the state its run ends in, and the job as it is kept."""
    context, steps = context_of(options, include), steps_of(KindOfTest.asynchronous)
    asyncio.run(run_steps(context, steps, perform))
    state = verdict(context.recorder.published.values())
    status = JobStatus.done if state.is_completed() else JobStatus.failed
    job = Job(id=1, source_id=1, trigger="test", steps=steps, status=status, ended_at=datetime.now(UTC))
    job.results = msgspec.to_builtins(list(context.recorder.published.values()))
    return state.name, job


def checks(job: Job) -> dict[str, dict[str, object]]:
    """The `checks` of the answer, by name."""
    body = msgspec.to_builtins(view(job, None))
    assert len(body["results"]) == 4, body
    return {check["step"]: check for check in body["checks"]}


def main(port: int, password: str) -> None:
    """It runs, is shown, counts, is kept in the health record, and is documented."""
    options = PgOptions(host="127.0.0.1", port=port, user="reader", password=password, dbname="postgres")
    for kind in (KindOfTest.asynchronous, KindOfTest.immediate, KindOfTest.quick, KindOfTest.full):
        assert "example" in steps_of(kind)

    name, good = judge(options, None)
    assert name == "Completed"
    assert checks(good)["example"]["result"]["message"] == "PostgreSQL is an example"  # type: ignore[index]

    name, bad = judge(options, "shop.*")
    assert name == "Unhealthy"
    shown = checks(bad)["example"]
    assert (shown["status"], shown["result"]["error_code"]) == ("done", "PERMISSION_DENIED")  # type: ignore[index]
    assert shown["result"]["remediation"]  # type: ignore[index]
    published = msgspec.convert(bad.results, list[Published])
    assert source_passed(JobStatus.failed, published) is False
    ended = Checked(source_id=1, revision=1, steps=bad.steps, published=published)
    record = record_of(DataSource(id=1), ended, False, datetime.now(UTC))
    assert record.steps["example"]["outcome"] == "failed"
    assert record.error_code == ErrorCode.PERMISSION_DENIED

    lost = Job(id=2, steps=good.steps, deadline=datetime.now(UTC))
    assert "example" in {one.task for one in complete(lost, None, JobStatus.failed)}

    document = create_app().openapi_schema.to_schema()
    assert "example" in document["components"]["schemas"]["CheckStep"]["properties"]["step"]["enum"]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
