"""`python -m benchmarks.catalogs URL…`: what it takes to read a whole catalogue, each in a process of its own.

`URL` is as `sourcecheck try` takes it, with TYPE:// before it.
"""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from datasources.databases import database_of
from datasources.databases.globs import Globs
from datasources.databases.urls import source_from_url

ONE = "--one"
KILOBYTE = 1024


class Read(msgspec.Struct):
    """What reading a catalogue took; memory is what the process grew by at its peak."""

    product: str
    tables: int
    columns: int
    seconds: float
    cpu: float
    mebibytes: float


async def read(url: str) -> Read:
    """The catalogue of a source, batch by batch, as the step reads it."""
    source = source_from_url(url)
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


def main(arguments: list[str]) -> None:
    """Print a row for each."""
    if arguments[:1] == [ONE]:
        sys.stdout.write(msgspec.json.encode(asyncio.run(read(arguments[1]))).decode())
        return
    table = Table("product", "tables", "columns", "s", "CPU s", "MiB", title="schema_download of a whole catalogue")
    for url in arguments:
        command = [sys.executable, "-m", "benchmarks.catalogs", ONE, url]
        found = msgspec.json.decode(subprocess.run(command, check=True, capture_output=True).stdout, type=Read)
        table.add_row(
            found.product,
            f"{found.tables:,}",
            f"{found.columns:,}",
            f"{found.seconds:.1f}",
            f"{found.cpu:.1f}",
            f"{found.mebibytes:.0f}",
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
