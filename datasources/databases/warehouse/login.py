"""Being let in, bounded as a whole; whatever still runs over there at the end is cancelled."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TypeVar

from datasources.databases.opening import opening
from datasources.databases.warehouse.asker import Asker
from datasources.databases.warehouse.errors import translated
from datasources.databases.warehouse.http import Way, way_of
from datasources.model.errors import SourceUnreachable
from datasources.model.source import Options, Source
from datasources.model.vocabulary import ErrorCode
from datasources.network.progress import Progress
from datasources.network.tls import Verification

AskerT = TypeVar("AskerT", bound=Asker)


@asynccontextmanager
async def logged_in(
    source: Source, make: Callable[[Way], AskerT], verification: Verification = "full", rootcert: str | None = None
) -> AsyncIterator[AskerT]:
    """An asker by HTTP that has been let in. Raises `SourceUnreachable`."""
    async with (
        way_of(source, verification, rootcert) as way,
        let_in(source, make(way), partial(setattr, way, "progress")) as asker,
    ):
        asker.address = way.address
        asker.tls_verified = verification
        yield asker


@asynccontextmanager
async def let_in(
    source: Source, asker: AskerT, begin: Callable[[Progress], object] = lambda _: None
) -> AsyncIterator[AskerT]:
    """This asker, once it has been let in; `begin` hears of the progress. Raises `SourceUnreachable`."""
    try:
        async with opening(source.connection_timeout) as progress:
            begin(progress)
            with refusals(progress, source.options):
                await asker.log_in()
            progress.end()
            asker.stages_ms = progress.stages_ms
        yield asker
    finally:
        await asker.cancel()


@contextmanager
def refusals(progress: Progress, options: Options) -> Iterator[None]:
    """A refused connection or login as ours; without any secret, it says that one is missing."""
    try:
        with _at_stage(progress):
            yield
    except SourceUnreachable as refusal:
        if refusal.code is ErrorCode.AUTHENTICATION_FAILED and not options.secrets():
            refusal.details.update(secret_missing=True, missing=list(options.asked_fields))
        raise


@contextmanager
def _at_stage(progress: Progress) -> Iterator[None]:
    """Translated with the stage that was reached when it failed."""
    try:
        yield
    except Exception:
        with translated(progress.stage, kind=SourceUnreachable):
            raise
