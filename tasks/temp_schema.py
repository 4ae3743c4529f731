"""May we keep temporary tables where the source says?"""

from datasources.databases import database_of
from datasources.model import Finding
from datasources.words import Outcome
from tasks.check import Check


async def run(check: Check) -> Finding:
    """Create, write, read and drop a table of random name in `temp_schema` (`database.schema` or `schema`)."""
    if not check.source.temp_schema:
        return Finding(message="No temporary schema is configured", outcome=Outcome.skipped)
    database, _, schema = check.source.temp_schema.rpartition(".")
    patience = check.source.connection_timeout
    kind = database_of(check.source)
    async with kind.connect(check.source, read_only=False, patience=patience, database=database or None) as session:
        where = database or (await session.identity()).database
        await session.write_and_drop(schema)
    return Finding(message=f'Schema "{where}"."{schema}" is writeable')
