"""`sourcecheck try`: test a database on the spot, without a service, a worker or a Prefect server."""

import asyncio
import getpass
import os
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import msgspec
from sourcecheck.cli import exits
from sourcecheck.cli.command import Invocation, add_command
from sourcecheck.cli.commands.testing import block
from sourcecheck.errors import SourcecheckError
from sourcecheck.models import Job, JobStatus, Result, Step

DEFAULT_SECONDS = 30


def add_commands(commands: Any) -> None:
    """Add the command to those of the client."""
    command = add_command(
        commands,
        "try",
        _try,
        "test a database by its URL, here and now, without a service",
        "sourcecheck try postgresql://me:secret@db.example/shop\n"
        "sourcecheck try 'mysql://me@db.example:3306/shop?sslmode=require' --ask password\n"
        "sourcecheck try sqlite:///shop.db --query 'SELECT count(*) FROM customer'",
        notes="exit codes: 0 passed, 1 failed, 2 a wrong call. Other users of this machine can see "
        "command lines: use --ask for secrets.",
    )
    command.add_argument("address", metavar="URL", help="TYPE://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE")
    command.add_argument(
        "--ask",
        action="append",
        default=[],
        metavar="OPTION",
        help="prompt for this option; what you type is not shown",
    )
    command.add_argument("--temp-schema", metavar="SCHEMA", help="where the test may write")
    command.add_argument("--query", help="a statement that the test also runs, in a read-only session")
    command.add_argument(
        "--timeout", type=float, default=DEFAULT_SECONDS, metavar="SECONDS", help=f"limit (default: {DEFAULT_SECONDS})"
    )


def _try(call: Invocation) -> int:
    source = _source_of(call.given)
    _allow_what_the_user_may_reach()
    job = asyncio.run(_tested(source, call.given.query, call.given.timeout))
    call.out.result(job)
    call.out.console.print(block(_where(source), job))
    return exits.of_jobs([job])


def _source_of(given: Namespace) -> Any:
    """The source that the command line says. Raises `SourcecheckError` of the client."""
    from datasources.databases.files import FileOptions
    from datasources.databases.urls import source_from_url

    more = {"temp_schema": given.temp_schema} if given.temp_schema else {}
    more |= {name: getpass.getpass(f"{name}: ") for name in given.ask}
    try:
        source = source_from_url(given.address, more)
    except ValueError as error:
        raise SourcecheckError(str(error)) from error
    if isinstance(source.options, FileOptions):
        path = str(Path(source.options.path).absolute())
        source = msgspec.structs.replace(source, options=msgspec.structs.replace(source.options, path=path))
    return source


def _allow_what_the_user_may_reach() -> None:
    """A service guards its network and its files from its clients; here the client is the user of this machine.

    Raises `SourcecheckError` of the client for a setting that is at fault.
    """
    from datasources.model.errors import SettingsError
    from datasources.model.settings import Settings

    os.environ.setdefault("SOURCECHECK_ALLOW_PRIVATE_NETWORKS", "true")
    os.environ.setdefault("SOURCECHECK_FILE_ROOT", "/")
    try:
        Settings.load()
    except SettingsError as error:
        raise SourcecheckError(str(error)) from error


def _where(source: Any) -> str:
    host, port = source.options.target or (source.options.public().get("path", ""), None)
    return host if port is None else f"{host}:{port}"


async def _tested(source: Any, query: str | None, seconds: float) -> Job:
    from datasources.health.verdict import failures
    from datasources.model.steps import CHECKS, KindOfTest, steps_of
    from datasources.secrecy.log_records import scrubbed_logs
    from datasources.secrecy.scrubber import Scrubber
    from tasks.context import StepContext
    from tasks.direct import perform
    from tasks.sequence import run_steps

    scrubber = Scrubber(list(source.options.secrets().values()))
    check = StepContext(
        job_id=0, source_id=0, source=source, scrubber=scrubber, deadline=time.time() + seconds, test_query=query
    )
    steps = steps_of(KindOfTest.asynchronous, query=query is not None)
    with scrubbed_logs(scrubber):
        await run_steps(check, steps, perform)
    published = check.recorder.published
    shown = {name: _shown(published[name]) for name in steps}
    failed = failures(published.values())
    return Job(
        id=0,
        status=JobStatus.failed if failed else JobStatus.done,
        results=[step for name, step in shown.items() if name not in CHECKS],
        checks=[step for name, step in shown.items() if name in CHECKS],
        version=check.recorder.version,
        reason=failed[0].result.message if failed else None,
    )


def _shown(published: Any) -> Step:
    """One result as the service would answer it."""
    result = msgspec.convert(msgspec.to_builtins(published.result), Result)
    return Step(published.task, JobStatus.done if published.carried_out else JobStatus.failed, result)
