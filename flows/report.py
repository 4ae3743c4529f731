"""What a person reads in the Prefect UI instead of JSON."""

import asyncio
from typing import Any

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from datasources.model import Published
from datasources.words import Code, Outcome
from tasks.check import Check

MARKS = {Outcome.success: "✅", Outcome.failed: "❌", Outcome.skipped: "⏭️"}


async def publish_report(check: Check) -> None:
    """Write the report of a finished test, and the found tables, as artifacts of the source."""
    report = acreate_markdown_artifact(
        markdown=markdown(check),
        key=f"source-{check.source_id}-report",
        description=f"Test of {check.source.name}, job {check.job_id}",
    )
    await asyncio.gather(report, _publish_tables(check))


async def _publish_tables(check: Check) -> None:
    schema = check.published.get("schema_download")
    if schema is None or not schema.result.details.get("tables"):
        return
    await acreate_table_artifact(
        table=[_row(table) for table in schema.result.details["tables"]],
        key=f"source-{check.source_id}-tables",
        description=f"Tables found in {check.source.name}",
    )


def markdown(check: Check) -> str:
    """The report: one row a step, then what to do about each failure."""
    rows = [_line(published) for published in check.published.values()]
    failed = [p for p in check.published.values() if p.result.code is Code.ERROR]
    verdict = "❌ did not pass" if failed else "✅ passed"
    lines = [
        f"# {_cell(check.source.name)}: {verdict}",
        "",
        f"Job {check.job_id}, data source {check.source_id}",
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
