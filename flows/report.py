"""What a person reads in the Prefect UI instead of JSON."""

import asyncio
import logging
from datetime import UTC
from typing import Any
from uuid import UUID

from msgspec import Struct
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.utilities import get_or_create_client
from prefect.types import DateTime

from datasources.health.verdict import failures
from datasources.model.inputs.texts import markdown_text, visible
from datasources.model.results import Published
from datasources.model.source import Source
from datasources.model.steps import in_table_order
from datasources.model.vocabulary import Code, Outcome
from tasks.context import StepContext

GIVE_WAY_SECONDS = 0.15
"""Time for the API to read the results of a run before the flow writes its report: Prefect's server
does one thing after another, and a client waits only for the results."""
MARKS = {Outcome.success: "✅", Outcome.failed: "❌", Outcome.skipped: "⏭️"}


class Report(Struct, frozen=True):
    """What the report says of a test that has reached a verdict."""

    job_id: int
    source_id: int
    source_name: str
    place: str | None
    """Host and port, and those of the gateway; None if the source is not a server."""
    published: dict[str, Published]


def report_of(check: StepContext) -> Report:
    """The report of a test whose steps have ended."""
    return Report(check.job_id, check.source_id, check.source.name, place_of(check.source), check.recorder.published)


def place_of(source: Source) -> str | None:
    """Where the source is registered to be, not the near end of its tunnel."""
    target, gateway = source.options.target, source.ssh_tunnel
    if target is None:
        return None
    return _host_and_port(*target) + (f" through {_host_and_port(gateway.host, gateway.port)}" if gateway else "")


def _host_and_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def write_report(flow: object, flow_run: FlowRun, state: State[Any]) -> None:
    """A hook of the flow's states: write the report that the flow returned with its state, if it did, as artifacts.

    A hook runs when Prefect knows the state: a client that waits for the verdict does not wait for its report.
    """
    report = await state.aresult(raise_on_failure=False)
    if not isinstance(report, Report):
        return
    if flow_run.deployment_id is not None:
        await asyncio.sleep(GIVE_WAY_SECONDS)
    text = acreate_markdown_artifact(
        markdown=markdown(report),
        key=f"source-{report.source_id}-report",
        description=f"Test of {markdown_text(report.source_name)}, job {report.job_id}",
    )
    await asyncio.gather(text, _write_tables(report), _write_line(report, flow_run.id, state))


async def _write_line(report: Report, flow_run_id: UUID, state: State[Any]) -> None:
    """Write the verdict into the run's log in Prefect, where a run of ours has no other lines but warnings."""
    line = LogCreate(
        name="sourcecheck",
        level=logging.INFO if state.is_completed() else logging.ERROR,
        message=f"{visible(report.source_name)}: {state.message}",
        timestamp=DateTime.now(UTC),
        flow_run_id=flow_run_id,
    )
    client, _ = get_or_create_client()
    await client.create_logs([line])


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
    rows = [_line(report.published[name]) for name in in_table_order(report.published)]
    verdict = "❌ did not pass" if failures(report.published.values()) else "✅ passed"
    failed = [p for name in in_table_order(report.published) if (p := report.published[name]).result.code is Code.ERROR]
    lines = [
        f"# {markdown_text(report.source_name)}: {verdict}",
        "",
        f"Job {report.job_id}, data source {report.source_id}" + (f", `{report.place}`" if report.place else ""),
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
