"""`python -m benchmarks.catalogs [URL… | TABLES]`: what reading a whole catalogue takes, each in a process of its own.

`URL` is as `sourcecheck try` takes it, with TYPE:// before it. Without one, PostgreSQL, SQLite, DuckDB, MariaDB and
ClickHouse are started, each with `TABLES` tables (10,000 if it says nothing) of 20 columns.
"""

import asyncio
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.tools.engines import engines
from datasources.databases import AnySource, database_of
from datasources.databases.globs import Globs
from datasources.databases.urls import source_from_url
from datasources.model.source import Source

ONE = "--one"
TABLES = 10_000
KILOBYTE = 1024


class Read(msgspec.Struct):
    """What reading a catalogue took; memory is what the process grew by at its peak."""

    product: str
    tables: int
    columns: int
    seconds: float
    cpu: float
    mebibytes: float


async def read(source: Source) -> Read:
    """The catalogue of a source, batch by batch, as the step reads it."""
    async with database_of(source).connect(source) as session:
        product = await session.version()
        before, started, cpu = _peak(), time.monotonic(), time.process_time()
        tables = columns = 0
        async for batch in session.tables(Globs()):
            tables += len(batch)
            columns += sum(len(table.columns) for table in batch)
        spent, worked = time.monotonic() - started, time.process_time() - cpu
    return Read(product, tables, columns, spent, worked, _peak() - before)


def _peak() -> float:
    """Of this program alone: `ru_maxrss` begins with what the one before it had."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / KILOBYTE


def measured(source: Source) -> Read:
    """The same in a process of its own, which is told of the source by its standard input."""
    command = [sys.executable, "-m", "benchmarks.catalogs", ONE]
    done = subprocess.run(command, check=True, input=msgspec.json.encode(source), stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Read)


def main(arguments: list[str]) -> None:
    """Print a row for each."""
    if arguments[:1] == [ONE]:
        source = msgspec.json.decode(sys.stdin.buffer.read(), type=AnySource)
        sys.stdout.write(msgspec.json.encode(asyncio.run(read(source))).decode())
        return
    table = Table("product", "tables", "columns", "s", "CPU s", "MiB", title="schema_download of a whole catalogue")
    with ExitStack() as stack:
        if arguments and not arguments[0].isdecimal():
            sources = [source_from_url(url) for url in arguments]
        else:
            started = stack.enter_context(engines(int(arguments[0]) if arguments else TABLES))
            sources = [engine.source for engine in started]
        for found in map(measured, sources):
            table.add_row(
                found.product,
                f"{found.tables:,}",
                f"{found.columns:,}",
                f"{found.seconds:.1f}",
                f"{found.cpu:.2f}",
                f"{found.mebibytes:.0f}",
            )
    Console(width=100).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
