"""`sourcecheck demo`: everything once, on real parts: a file of sources is applied, and its sources are tested."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from sourcecheck.cli.command import Invocation
from sourcecheck.cli.commands.testing import run_tests
from sourcecheck.cli.main import parser
from sourcecheck.cli.output import Output
from sourcecheck.cli.plan import lines, summary
from sourcecheck.cli.results import SourceResult
from sourcecheck.client import Client
from sourcecheck.files.sources import read_sources
from sourcecheck.models import Source

from datasources.model.settings import Settings
from deployments.cli.demo_data import make_notes, make_shop
from deployments.cli.hints import page_address, program
from deployments.cli.up import console, say
from deployments.stack.home import StackError
from deployments.stack.postgres import EmbeddedPostgres
from deployments.stack.start import Stack, running

FILE = Path(__file__).with_name("demo.yaml")
SHOP = "Demo shop"
EXPECTED = {SHOP: "passed", "Demo notes": "passed", "Demo with a wrong password": "failed"}
"""The sources of the file, and what comes of their tests."""
NOTES = "sourcecheck-demo.db"
TEST_SECONDS = 180.0
"""Seconds until the demo gives up on its tests."""


async def demo(settings: Settings) -> int:
    """Start the stack, apply the file, test its sources, stop. 0 when all of that came out as it should."""
    if settings.database_url:
        raise StackError("SOURCECHECK_DATABASE_URL: the demo needs its own PostgreSQL; use `sourcecheck up` instead")
    say(f"starting in {settings.home_path}")
    async with running(settings, say, with_demo_database=True) as stack:
        if stack.postgres is None:
            raise StackError("the demo needs its own PostgreSQL")
        await asyncio.to_thread(make_shop, stack.postgres)
        await asyncio.to_thread(make_notes, Path(stack.settings.file_root or "") / NOTES)
        words = ["test", "--all", "--on-question", "fail", "--url", stack.addresses.api]
        call = Invocation(parser().parse_args(words), Output())
        with Client(stack.addresses.api, stack.addresses.key) as client:
            call.use(client)
            sources = await asyncio.to_thread(_apply, client, variables(stack.postgres))
            async with asyncio.timeout(TEST_SECONDS):
                tested = await run_tests(call, sources)
        as_it_should = show(tested)
        await _show_next(stack)
        return 0 if as_it_should else 1


def variables(postgres: EmbeddedPostgres) -> dict[str, str]:
    """What the placeholders of the file stand for."""
    facts = postgres.conninfo("demo")
    return {
        "DEMO_HOST": facts.host,
        "DEMO_PORT": str(facts.port),
        "DEMO_USER": facts.user,
        "DEMO_PASSWORD": facts.password,
        "DEMO_DATABASE": facts.dbname,
        "DEMO_FILE": NOTES,
    }


def _apply(client: Client, environ: Mapping[str, str]) -> list[Source]:
    """Apply the file, as `sourcecheck apply` does, and answer its sources."""
    say(f"applying    {FILE.name}")
    applied = client.apply_sources(read_sources(str(FILE), environ).sources)
    for line in lines(applied.changes):
        console.print("  ", line, sep="")
    say(f"  {summary(applied)}")
    known = {source.name: source for source in client.list_sources()}
    return [known[name] for name in EXPECTED]


def show(tested: Sequence[SourceResult]) -> bool:
    """What was found in the shop, and the verdicts; whether they are as they should be."""
    found = {one.source.name: one for one in tested}
    details = next((s.result.details for s in found[SHOP].job.steps if s.step == "schema_download" and s.result), {})
    for table in details.get("tables", []):
        console.print(f"  {table['schema']}.{table['name']}: {table['kind']}, {table['columns']} columns", markup=False)
    as_it_should = {name: one.word for name, one in found.items()} == EXPECTED
    passed = sum(one.word == "passed" for one in tested)
    verdict = f"{passed} of {len(tested)} sources passed"
    if as_it_should:
        say(f"[bold green]{verdict}[/], as it should be: the third has a wrong password")
    else:
        say(f"[bold red]{verdict}[/], which is not as it should be")
    return as_it_should


async def _show_next(stack: Stack) -> None:
    """How to go on."""
    say(f"next        `{program()} up` serves until Ctrl-C, with these runs in Prefect's UI and a key for the API")
    say(f"then        {await page_address(stack)}  shows it in a browser, once and within the hour")
