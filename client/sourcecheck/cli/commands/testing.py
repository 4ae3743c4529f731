"""The command `test`: test sources, show the steps as they run, and report the verdicts."""

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sourcecheck.async_client import AsyncClient
from sourcecheck.cli import exits
from sourcecheck.cli.command import Invocation, add_command
from sourcecheck.cli.output import Output, state
from sourcecheck.cli.reports import github, junit
from sourcecheck.cli.results import SourceResult
from sourcecheck.cli.text import brief, milliseconds, safe
from sourcecheck.errors import InvalidRequest, SourcecheckError
from sourcecheck.files.sources import declared_names
from sourcecheck.finding import choose
from sourcecheck.models import Job, JobStatus, Source

POLL_SECONDS = 0.25
"""Between two looks at a test whose steps are shown live; the service answers them from memory."""
FILE_ENDINGS = (".yaml", ".yml", ".json")
AT_ONCE = 16
"""Tests that one call has under way."""


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    test = add_command(
        commands,
        "test",
        _test,
        "test sources, and show each step as it runs",
        "sourcecheck test Shop\n"
        "sourcecheck test sources.yaml\n"
        "sourcecheck test Shop Warehouse --junit report.xml\n"
        "sourcecheck test --all --tag nightly --github",
        notes="exit codes: 0 passed, 1 a source failed, 2 a wrong call, 3 the service did not answer, "
        "4 a question is open",
    )
    test.add_argument(
        "sources",
        nargs="*",
        metavar="NAME|FILE",
        help="names or ids of sources, or a file, for all the sources that it declares",
    )
    test.add_argument("--all", action="store_true", help="every source of the organization")
    test.add_argument("--tag", action="append", default=[], help="with --all: only sources with this tag")
    test.add_argument("--query", help="a statement that the test also runs, in a read-only session")
    test.add_argument("--timeout", type=int, metavar="SECONDS", help="limit of each test, 1 to 300")
    test.add_argument("--on-question", choices=("ask", "fail"), help="what a test does when it needs a person's answer")
    test.add_argument(
        "--counts",
        action=argparse.BooleanOptionalAction,
        help="whether the test counts towards the uptime (default: once the source has a schedule or has passed)",
    )
    test.add_argument("--junit", type=Path, metavar="FILE", help="write a JUnit report")
    test.add_argument("--github", action="store_true", help="write annotations and a summary for GitHub Actions")


def _test(call: Invocation) -> int:
    sources = _chosen(call)
    tested = asyncio.run(run_tests(call, sources))
    call.out.result(
        [{"source": {"id": t.source.id, "name": t.source.name, "type": t.source.type}, "job": t.job} for t in tested]
    )
    _report(call, tested)
    return exits.of_jobs(one.job for one in tested)


def _chosen(call: Invocation) -> list[Source]:
    """The sources that the command names. Raises `SourcecheckError` when it names none."""
    given = call.given
    if bool(given.sources) == given.all:
        raise SourcecheckError("name the sources to test, or say --all")
    if given.tag and not given.all:
        raise SourcecheckError("--tag goes with --all")
    known = call.client.list_sources()
    if given.all:
        found = [source for source in known if set(given.tag) <= set(source.tags or [])]
        if not found:
            raise SourcecheckError(
                "there is no source to test" + (f" with the tag {given.tag[0]}" if given.tag else "")
            )
        return found
    names = [name for text in given.sources for name in _named(text, known)]
    return [choose(name, known) for name in dict.fromkeys(names)]


def _named(text: str, known: Sequence[Source]) -> list[str]:
    """The name itself, or those that a file declares: they are tested as they are registered."""
    is_file = text.endswith(FILE_ENDINGS) and all(source.name != text for source in known)
    return declared_names(text) if is_file else [text]


async def run_tests(call: Invocation, sources: Sequence[Source]) -> list[SourceResult]:
    """Test the sources side by side, and show their steps; `query`, `timeout` and `on_question` are the call's."""
    screen = Screen(call.out, sources)
    room = asyncio.Semaphore(AT_ONCE)
    async with AsyncClient(call.client.url, call.client.api_key) as client:
        with screen:
            return list(await asyncio.gather(*(_one(call, client, source, screen, room) for source in sources)))


async def _one(
    call: Invocation, client: AsyncClient, source: Source, screen: "Screen", room: asyncio.Semaphore
) -> SourceResult:
    async with room:
        began = time.monotonic()
        given = call.given
        try:
            job_id = await client.start_test(
                source.id,
                test_query=given.query,
                timeout_seconds=given.timeout,
                on_question=given.on_question,
                counts=given.counts,
            )
        except InvalidRequest as error:
            if not (sentence := cannot_be_tested(error)):
                raise
            found = SourceResult(source, Job(0, JobStatus.failed, [], reason=sentence), time.monotonic() - began)
            screen.end(found)
            return found
        while True:
            job = await (client.get_job(job_id) if call.out.live else client.get_job(job_id, wait=30))
            screen.show(source, job)
            if job.status.ended or job.status.asks:
                found = SourceResult(source, job, time.monotonic() - began)
                screen.end(found)
                return found
            await asyncio.sleep(POLL_SECONDS)


def cannot_be_tested(error: InvalidRequest) -> str:
    """Why the service cannot test this source, such as a missing driver; empty where the call itself is at fault.

    The other sources of the call are tested all the same.
    """
    about = [problem.msg for problem in error.problems if problem.loc == ["path", "source_id"]]
    return about[0] if len(about) == len(error.problems) == 1 else ""


class Screen:
    """Shows tests as they run: in place on a terminal, else one block for each test when it has ended."""

    def __init__(self, out: Output, sources: Sequence[Source]) -> None:
        self._out = out
        self._jobs: dict[int, Job | None] = {source.id: None for source in sources}
        self._names = {source.id: source.name for source in sources}
        self._live = Live(console=out.console, refresh_per_second=8, transient=True) if out.live else None

    def __enter__(self) -> "Screen":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, source: Source, job: Job) -> None:
        """What is known of a test by now."""
        self._jobs[source.id] = job
        if self._live:
            running = [
                block(self._names[key], found) for key, found in self._jobs.items() if found and not found.status.ended
            ]
            self._live.update(Group(*running))

    def end(self, tested: SourceResult) -> None:
        """A test has ended, or asks: it stays on the screen."""
        self._jobs[tested.source.id] = None
        self._out.console.print(block(tested.source.name, tested.job))


def block(name: str, job: Job) -> Group:
    """One test: a line for the source, one for each step, and what to do about failures."""
    head = Text.assemble(
        (safe(name), "bold"),
        "  ",
        state(job.status.value),
        f"  job {job.id}" if job.id else "",
        f"  {safe(job.version or '')}",
    )
    steps = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for step in job.steps:
        found = step.result
        word = found.outcome if found else step.status.value
        steps.add_row(
            f"  {step.step}",
            state(word),
            Text(safe(brief(found.message)) if found else ""),
            Text(milliseconds(found.duration_ms if found else None), style="dim"),
        )
    advice = [
        Text(f"  → {step.result.error_code}: {safe(step.result.remediation)}", style="yellow")
        for step in job.steps
        if step.failed and step.result and step.result.remediation
    ]
    if job.reason and not job.steps:
        return Group(head, Text(f"  {safe(job.reason)}"))
    return Group(head, steps, *advice, *_asks(job))


def _asks(job: Job) -> list[Text]:
    question = job.question
    if question is None or not job.status.asks:
        return []
    lines = [f"  ? {question.message}"]
    if question.kind == "host_key":
        lines += [
            f"    compare: {question.verify}",
            f"    answer:  sourcecheck confirm {job.id} {question.fingerprint}",
        ]
    elif job.status is JobStatus.needs_authentication:
        lines.append(f"    answer:  sourcecheck authenticate {job.id}")
    else:
        lines.append(f"    answer:  sourcecheck confirm {job.id}")
    return [Text(safe(line), style="yellow") for line in lines]


def _report(call: Invocation, tested: Sequence[SourceResult]) -> None:
    if call.given.junit:
        junit.write_junit(call.given.junit, tested)
    if call.given.github:
        for line in github.annotations(tested):
            print(line)
        github.append_summary(tested)
    if len(tested) > 1:
        counts = {word: sum(one.word == word for one in tested) for word in ("passed", "failed", "asks", "cancelled")}
        call.out.say(", ".join(f"{count} {word}" for word, count in counts.items() if count))
