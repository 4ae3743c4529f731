"""`sourcecheck demo`: everything once, on real parts, through the API."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table

from datasources.model.settings import Settings
from deployments.cli.demo_data import make_shop
from deployments.cli.hints import page_address, program
from deployments.cli.up import console, say
from deployments.stack.home import StackError
from deployments.stack.start import Stack, running

NAME = "Demo shop"
SOURCES = "/api/v1/data_sources"
ENDED = ("done", "failed", "cancelled")
COLOURS = {"waiting": "dim", "processing": "yellow", "done": "green", "failed": "red", "cancelled": "red"}
EVERY_SECONDS = 60
TEST_SECONDS = 180.0
"""Seconds until the demo gives up on its test."""


async def demo(settings: Settings) -> int:
    """Start the stack, test the demo database, show it, stop. 0 when the source passed, 1 when not."""
    if settings.database_url:
        raise StackError("SOURCECHECK_DATABASE_URL: the demo needs its own PostgreSQL; use `sourcecheck up` instead")
    say(f"starting in {settings.home_path}")
    async with running(settings, say, with_demo_database=True) as stack:
        if stack.postgres is None:
            raise StackError("the demo needs its own PostgreSQL")
        await asyncio.to_thread(make_shop, stack.postgres)
        headers = {"Authorization": f"Key {stack.addresses.key}"}
        async with httpx.AsyncClient(base_url=stack.addresses.api, headers=headers, timeout=90) as client:
            source_id = await _register(client, stack)
            await _schedule(client, source_id)
            answer = await _test(client, source_id)
        _show(answer)
        say(f"then        {await page_address(stack)}  shows it in a browser, once and within the hour")
        return 0 if answer["status"] == "done" else 1


async def _register(client: httpx.AsyncClient, stack: Stack) -> int:
    """Register the source, or bring it up to date when an earlier demo did."""
    assert stack.postgres is not None  # noqa: S101 -- checked by the caller
    facts = stack.postgres.conninfo("demo")
    source = {
        "name": NAME,
        "type": "pg",
        "options": {
            "host": facts.host,
            "port": facts.port,
            "user": facts.user,
            "password": facts.password,
            "dbname": facts.dbname,
        },
        "temp_schema": "demo.scratch",
    }
    known = {found["name"]: found["id"] for found in _answer(await client.get(SOURCES))}
    if NAME in known:
        _answer(await client.patch(f"{SOURCES}/{known[NAME]}", json=source))
        return int(known[NAME])
    return int(_answer(await client.post(SOURCES, json=source))["id"])


async def _schedule(client: httpx.AsyncClient, source_id: int) -> None:
    """Have it checked regularly for as long as the stack runs, the next time too."""
    address = f"/api/v1/data-sources/{source_id}/health/schedule"
    _answer(await client.put(address, json={"interval_seconds": EVERY_SECONDS}))
    say(f"schedule    every {EVERY_SECONDS} s, whenever the stack is up")


async def _test(client: httpx.AsyncClient, source_id: int) -> dict[str, Any]:
    """Ask for a test, and show its steps as they move."""
    job_id = _answer(await client.post(f"{SOURCES}/{source_id}/test"))["job_id"]
    say(f"testing     {NAME} (data source {source_id}, job {job_id})")

    async def followed(show: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        while True:
            answer: dict[str, Any] = _answer(await client.get(f"{SOURCES}/test/{job_id}"))
            show(answer)
            if answer["status"] in ENDED:
                return answer
            await asyncio.sleep(0.2)

    async with asyncio.timeout(TEST_SECONDS):
        if not console.is_terminal:
            return await followed(Lines(console).show)
        with Live(console=console, refresh_per_second=10) as live:
            return await followed(lambda answer: live.update(_table(answer)))


class Lines:
    """Where nothing can be redrawn: a line for each change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: dict[str, str] = {}

    def show(self, answer: dict[str, Any]) -> None:
        """Print the steps that moved."""
        for step in answer["results"]:
            if self._seen.get(step["step"]) != step["status"]:
                self._seen[step["step"]] = step["status"]
                message = step["result"]["message"] if step["result"] else ""
                self._console.print(f"  {step['step']:<18}{step['status']:<12}{message}", markup=False)


def _table(answer: dict[str, Any]) -> Table:
    table = Table("step", "status", "what happened", "ms")
    for step in answer["results"]:
        result = step["result"] or {}
        colour = "red" if result.get("code") == "ERROR" else COLOURS.get(step["status"], "magenta")
        spent = result.get("duration_ms")
        table.add_row(
            step["step"],
            f"[{colour}]{step['status']}[/]",
            str(result.get("message", "")),
            "" if spent is None else str(spent),
        )
    return table


def _show(answer: dict[str, Any]) -> None:
    """The version, what was found, the verdict, and how to go on."""
    results = {step["step"]: step["result"] or {} for step in answer["results"]}
    say(f"version     {answer.get('version')}")
    for table in results["schema_download"].get("details", {}).get("tables", []):
        console.print(f"  {table['schema']}.{table['name']}: {table['kind']}, {table['columns']} columns", markup=False)
    passed = answer["status"] == "done"
    say("[bold green]the source passed[/]" if passed else f"[bold red]the source did not pass[/]: {answer['reason']}")
    say(f"next        `{program()} up` serves until Ctrl-C, with this run in Prefect's UI and a key for the API")


def _answer(response: httpx.Response) -> Any:
    if response.status_code >= 400:
        raise StackError(f"{response.request.method} {response.request.url.path}: {response.text}")
    return response.json()
