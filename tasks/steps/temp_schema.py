"""May we keep temporary tables where the source says?"""

from datasources.databases import database_of
from datasources.databases.base import Session
from datasources.model.errors import CheckError
from datasources.model.results import Finding
from datasources.model.vocabulary import ErrorCode, Outcome
from tasks.context import StepContext


async def run(check: StepContext) -> Finding:
    """Create, write, read and drop a table of random name in `temp_schema` (`database.schema` or `schema`).

    Before that, what tests that were cut off left behind there is removed; no failure of that is a verdict.
    """
    kind = database_of(check.source)
    try:
        place = kind.scratch_place(check.source)
    except ValueError as error:
        raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, str(error)) from error
    if place is None:
        return Finding(message="No temporary schema is configured", outcome=Outcome.skipped)
    database, schema = place
    _require_length(check, schema)
    async with check.session(read_only=False) as session:
        here = (await session.identity()).database
        if database in (None, here, _own_database(check)):
            return await _tried(session, kind.scratch_word, database or here, schema)
    async with check.session(read_only=False, database=database) as session:
        return await _tried(session, kind.scratch_word, database, schema)


def _require_length(check: StepContext, schema: str) -> None:
    """A server that cuts names off would write to another schema than the one that is named."""
    most = database_of(check.source).name_bytes
    if most is not None and len(schema.encode()) > most:
        message = f'There is no schema "{schema}": the server keeps {most} bytes of a name, and this one has more'
        raise CheckError(ErrorCode.SCHEMA_NOT_FOUND, message, {"stage": "create"})


def _own_database(check: StepContext) -> str | None:
    """The database as the source names it, which behind a pooler may be an alias."""
    field = check.source.options.shown_as.get("database_name")
    return getattr(check.source.options, field) if field else None


async def _tried(session: Session, word: str, database: str | None, schema: str) -> Finding:
    swept = await _swept(session, schema)
    await session.write_and_drop(schema)
    return Finding(message=f'{word} "{database}"."{schema}" is writeable', details={"swept": swept} if swept else {})


async def _swept(session: Session, schema: str) -> list[str]:
    try:
        return await session.sweep(schema)
    except CheckError:
        return []
