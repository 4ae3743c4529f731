"""The process of a run has a limit of memory of its own: what goes beyond it is an error of that run."""

import subprocess
import sys
from textwrap import dedent

from tests.doubles.postgres import TEXT, Script, described, serving

LIMIT_MB = 400


class Claims(Script):
    """Announces a row of almost two gigabytes, and sends the beginning of it."""

    def answer(self, sql: str) -> list[bytes]:
        """To the question who we are."""
        if "current_database()" not in sql:
            return list(super().answer(sql))
        return [described(TEXT), b"D" + (1_900_000_000).to_bytes(4, "big") + b"x" * 100_000]


def run(program: str) -> str:
    """What a Python program prints whose memory is limited."""
    start = f"from deployments.worker.processes.memory import limit_memory\nlimit_memory({LIMIT_MB})\n"
    done = subprocess.run(
        [sys.executable, "-c", start + dedent(program)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_memory_has_a_limit() -> None:
    """What fits is there, what does not is refused, and the process lives on."""
    program = """
        kept = bytearray(100 * 2**20)
        try:
            bytearray(500 * 2**20)
        except MemoryError:
            print("refused", open("/proc/self/oom_score_adj").read().strip(), len(bytearray(50 * 2**20)) // 2**20)
    """
    assert run(program) == "refused 800 50"


def test_what_does_not_fit_is_a_verdict() -> None:
    """A message that the driver cannot hold is a fault of the server, in a process that goes on with the next one."""
    program = """
        import asyncio, os
        os.environ["SOURCECHECK_ALLOW_PRIVATE_NETWORKS"] = "true"
        from datasources.databases.postgres import Postgres
        from datasources.databases.postgres.model import PgOptions, PgSource
        from datasources.model.errors import CheckError

        async def ask(port):
            options = PgOptions(host="127.0.0.1", port=port, user="u", dbname="d")
            async with Postgres.connect(PgSource(name="n", query_timeout=20, options=options)) as session:
                return (await session.identity()).user

        for port in (%d, %d):
            try:
                print(asyncio.run(ask(port)))
            except CheckError as error:
                print(error.code, error.details["stage"])
    """
    with serving(Claims) as hostile, serving(Script) as honest:
        assert run(program % (hostile, honest)).split("\n") == ["PROTOCOL_ERROR identity", "reader"]
