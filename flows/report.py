"""What a person reads in the Prefect UI instead of JSON."""

import asyncio
from typing import Any

from msgspec import Struct
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.client.schemas.objects import State

from datasources.health.verdict import failures
from datasources.model.results import Published
from datasources.model.texts import markdown_text, visible
from datasources.model.vocabulary import Code, Outcome
from tasks.context import StepContext

MARKS = {Outcome.success: "✅", Outcome.failed: "❌", Outcome.skipped: "⏭️"}


class Report(Struct, frozen=True):
    """What is told of a test that has come to a verdict."""

    job_id: int
    source_id: int
    source_name: str
    published: dict[str, Published]


def report_of(check: StepContext) -> Report:
    """The report of a test whose steps have ended."""
    return Report(check.job_id, check.source_id, check.source.name, check.recorder.published)


async def write_report(flow: object, flow_run: object, state: State[Any]) -> None:
    """A hook of the flow's states: write the report that the flow returned with its state, if it did, as artifacts.

    A hook runs when Prefect knows the state: a client that waits for the verdict does not wait for its report.
    """
    report = await state.aresult(raise_on_failure=False)
    if not isinstance(report, Report):
        return
    text = acreate_markdown_artifact(
        markdown=markdown(report),
        key=f"source-{report.source_id}-report",
        description=f"Test of {markdown_text(report.source_name)}, job {report.job_id}",
    )
    await asyncio.gather(text, _write_tables(report))


async def _write_tables(report: Report) -> None:
    schema = report.published.get("schema_download")
    if schema is None or not schema.result.details.get("tables"):
        return
    await acreate_table_artifact(
        table=[_row(table) for table in schema.result.details["tables"]],
        key=f"source-{report.source_id}-tables",
        description=f"Tables found in {markdown_text(report.source_name)}",
    )


def markdown(report: Report) -> str:
    """The report: one row a step, then what to do about each failure."""
    rows = [_line(published) for published in report.published.values()]
    verdict = "❌ did not pass" if failures(report.published.values()) else "✅ passed"
    failed = [p for p in report.published.values() if p.result.code is Code.ERROR]
    lines = [
        f"# {markdown_text(report.source_name)}: {verdict}",
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
    return (
        f"| {published.task} | {MARKS[result.outcome]} {result.outcome} | {markdown_text(result.message)} | {spent} |"
    )


def _row(table: dict[str, Any]) -> dict[str, Any]:
    found = {name: table.get(name) for name in ("schema", "name", "kind", "columns", "rows")}
    return {name: visible(value) if isinstance(value, str) else value for name, value in found.items()}
