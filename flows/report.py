"""What a person reads in the Prefect UI instead of JSON."""

import asyncio
from typing import Any
from uuid import UUID

from msgspec import Struct
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from datasources.model.results import Published
from datasources.model.vocabulary import Code, Outcome
from tasks.context import StepContext

MARKS = {Outcome.success: "✅", Outcome.failed: "❌", Outcome.skipped: "⏭️"}


class Report(Struct, frozen=True):
    """What is told of a test that has come to a verdict."""

    job_id: int
    source_id: int
    source_name: str
    published: dict[str, Published]


_due: dict[UUID, Report] = {}
"""By flow run, until it has ended."""


def report_at_end(check: StepContext) -> None:
    """Have the report written when the verdict is known: nobody who waits for it waits for its report."""
    context = FlowRunContext.get()
    if context and context.flow_run:
        _due[context.flow_run.id] = Report(check.job_id, check.source_id, check.source.name, check.recorder.published)


async def write_report(flow: object, flow_run: FlowRun, state: object) -> None:
    """A hook of the flow's states: write the report and the found tables as artifacts of the source, if due."""
    report = _due.pop(flow_run.id, None)
    if report is None:
        return
    text = acreate_markdown_artifact(
        markdown=markdown(report),
        key=f"source-{report.source_id}-report",
        description=f"Test of {report.source_name}, job {report.job_id}",
    )
    await asyncio.gather(text, _write_tables(report))


async def _write_tables(report: Report) -> None:
    schema = report.published.get("schema_download")
    if schema is None or not schema.result.details.get("tables"):
        return
    await acreate_table_artifact(
        table=[_row(table) for table in schema.result.details["tables"]],
        key=f"source-{report.source_id}-tables",
        description=f"Tables found in {report.source_name}",
    )


def markdown(report: Report) -> str:
    """The report: one row a step, then what to do about each failure."""
    rows = [_line(published) for published in report.published.values()]
    failed = [p for p in report.published.values() if p.result.code is Code.ERROR]
    verdict = "❌ did not pass" if failed else "✅ passed"
    lines = [
        f"# {_cell(report.source_name)}: {verdict}",
        "",
        f"Job {report.job_id}, data source {report.source_id}",
        "",
        "| step | outcome | what happened | ms |",
        "| --- | --- | --- | ---: |",
        *rows,
    ]
    if failed:
        lines += ["", "## What to do", ""]
        lines += [f"- **{p.task}** ({p.result.error_code}): {p.result.remediation}" for p in failed]
    return "\n".join(lines)


def _line(published: Published) -> str:
    result = published.result
    spent = "" if result.duration_ms is None else str(result.duration_ms)
    return f"| {published.task} | {MARKS[result.outcome]} {result.outcome} | {_cell(result.message)} | {spent} |"


def _cell(text: str) -> str:
    """A text that cannot leave its cell or bring markup of its own."""
    flat = " ".join(text.split())
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>#|!" else char for char in flat)


def _row(table: dict[str, Any]) -> dict[str, Any]:
    return {name: table.get(name) for name in ("schema", "name", "kind", "columns", "rows")}
