"""What the kills did, for people: figures, the tests that went wrong with their attempts, and which promises broke."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.kills.clients import Seen
from benchmarks.kills.swept import Findings
from benchmarks.kills.victims import PARTS
from benchmarks.kills.watched import Visit
from benchmarks.tools.timed import percentiles


def show(console: Console, seen: Seen, sweeps: Findings, twice: Sequence[tuple[Visit, Visit]], url: str) -> int:
    """Print all of it. Answers the exit code: 1 when a promise was broken."""
    good = {job: answer for job, answer in seen.ended.items() if job not in seen.fatal}
    fatal = {job: answer for job, answer in seen.ended.items() if job in seen.fatal}
    console.print(_figures(seen, good, fatal, sweeps))
    wrong = [answer for answer in good.values() if answer["status"] != "done"]
    missed = [answer for answer in fatal.values() if not _found_out(answer)]
    for answer in [*wrong, *missed]:
        _explain(console, answer, url)
    for first, second in twice:
        console.print(
            f"source {first.source}: process {first.pid} from {first.began:.2f} to {first.ended:.2f}, "
            f"process {second.pid} from {second.began:.2f}"
        )
    for what, found in (("twice", sweeps.twice), ("lost", sweeps.missing), ("left to the next", sweeps.left)):
        by_moment = Counter(moment for _, moment in found)
        for moment, count in sorted(by_moment.items()):
            console.print(f"sweep of {moment:%H:%M:%S}: {count} sources {what}")
    broken = {
        "tests of a good source that did not pass": len(wrong),
        "tests that never ended": len(seen.never),
        "answers that changed after the end": len(seen.changed),
        "times at which two processes were at one source": len(twice),
        "tests of the source that ends its process that were not found out": len(missed),
        "checks that found a good source bad": sweeps.red.total(),
        "checks that a sweep made twice": len(sweeps.twice),
        "checks that a sweep lost": len(sweeps.missing),
        "sweeps that never ended": sweeps.open,
    }
    for what, number in broken.items():
        console.print(f"{'[green]ok[/]    ' if number == 0 else '[red]BROKEN[/]'} {what}: {number}")
    return int(any(broken.values()))


def _figures(seen: Seen, good: dict[int, Any], fatal: dict[int, Any], sweeps: Findings) -> Table:
    table = Table("what", "figure")
    table.add_row("kills", ", ".join(f"{seen.kills[part]} of {part}" for part in PARTS))
    statuses = Counter(answer["status"] for answer in good.values())
    table.add_row("tests of good sources", ", ".join(f"{number} {status}" for status, number in statuses.items()))
    attempts = Counter(answer["attempts"] for answer in good.values())
    table.add_row("attempts", ", ".join(f"{number} took {tries}" for tries, number in sorted(attempts.items())))
    tries = Counter(answer["attempts"] for answer in fatal.values())
    text = ", ".join(f"{number} after {count}" for count, number in sorted(tries.items()))
    table.add_row("tests of the source that ends its process", text)
    if seen.seconds:
        p50, p95 = percentiles(seen.seconds)
        table.add_row("seconds a test, p50, p95, longest", f"{p50:.1f}, {p95:.1f}, {max(seen.seconds):.1f}")
    table.add_row("sweeps due, begun, their runs", f"{sweeps.due}, {sweeps.begun}, {sweeps.runs}")
    table.add_row("checks, of these repeated alone", f"{sweeps.checks}, {sweeps.alone}")
    table.add_row("checks left to the next sweep, as the time was over", str(len(sweeps.left)))
    table.add_row("checks without a verdict, red ones", f"{dict(sweeps.unclear)}, {dict(sweeps.red)}")
    return table


def _found_out(answer: dict[str, Any]) -> bool:
    """Whether the answer names the step that the source ends its process in, after two attempts that it ended."""
    lost = [step for step in answer["results"] if (step["result"] or {}).get("error_code") == "WORKER_LOST"]
    return answer["status"] == "failed" and bool(lost) and "connection" in (answer["reason"] or "")


def _explain(console: Console, answer: dict[str, Any], url: str) -> None:
    """Why this test ended as it did: what its attempts were lost to."""
    console.print(
        f"job {answer['id']}: {answer['status']}, attempt {answer['attempts']}: {answer['reason']}", markup=False
    )
    with psycopg.connect(url, autocommit=True) as session:
        row = session.execute(
            "SELECT losses, created_at, dispatched_at, started_at, ended_at, deadline, flow_run_id"
            " FROM jobs WHERE id = %s",
            [answer["id"]],
        ).fetchone()
    if row:
        console.print(f"    {' | '.join(f'{each:%H:%M:%S}' for each in row[1:6] if each)} {row[6]}", markup=False)
        for loss in row[0] or []:
            console.print(f"    {loss}", markup=False)
