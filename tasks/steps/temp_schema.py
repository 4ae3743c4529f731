"""May we keep temporary tables where the source says?"""

from datasources.databases.base import Session
from datasources.databases.names import split_schema
from datasources.model.errors import CheckError
from datasources.model.results import Finding
from datasources.model.vocabulary import ErrorCode, Outcome
from tasks.context import StepContext


async def run(check: StepContext) -> Finding:
    """Create, write, read and drop a table of random name in `temp_schema` (`database.schema` or `schema`).

    Before that, what tests that were cut off left behind there is removed; no failure of that is a verdict.
    """
    source = check.source
    if not source.temp_schema:
        return Finding(message="No temporary schema is configured", outcome=Outcome.skipped)
    try:
        database, schema = split_schema(source.temp_schema)
    except ValueError as error:
        raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, str(error)) from error
    async with check.session(read_only=False, database=database) as session:
        where = database or (await session.identity()).database
        swept = await _swept(session, schema)
        await session.write_and_drop(schema)
    return Finding(message=f'Schema "{where}"."{schema}" is writeable', details={"swept": swept} if swept else {})


async def _swept(session: Session, schema: str) -> list[str]:
    try:
        return await session.sweep(schema)
    except CheckError:
        return []
