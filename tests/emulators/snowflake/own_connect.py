"""One login of ours, in a process of its own that has loaded nothing else of Snowflake's, to be watched from outside."""

import asyncio
import sys

from datasources.databases.snowflake import Snowflake
from datasources.databases.snowflake.model import SnowflakeOptions, SnowflakeSource


async def ask(port: int, password: str) -> str | None:
    """What a query answers."""
    options = SnowflakeOptions(
        account="test", host="127.0.0.1", port=port, user="reader", password=password, default_db="lake",
        tls=False, allow_cleartext_password=True,
    )  # fmt: skip
    async with Snowflake.connect(SnowflakeSource(name="watched", connection_timeout=30, options=options)) as session:
        return (await session.query("SELECT 41 + 1")).value


if __name__ == "__main__":
    sys.stdout.write(str(asyncio.run(ask(int(sys.argv[1]), sys.argv[2]))))
