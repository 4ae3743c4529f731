"""Opening a store: by a proxy of ours that leads to its hosts alone, in threads that our limit ends."""

import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from datasources.databases.blocking import Calls
from datasources.databases.limits import Limit
from datasources.databases.objects.errors import translated
from datasources.databases.objects.model import Endpoint, StoreOptions
from datasources.databases.objects.store import Route, Store
from datasources.databases.opening import opening
from datasources.model.errors import CheckError, SourceUnreachable
from datasources.model.source import Source
from datasources.model.vocabulary import ErrorCode
from datasources.network.outlet import Hosts, Outlet, open_outlet
from datasources.network.threads import in_thread
from datasources.network.tls import context_of

T = TypeVar("T")


class Opened:
    """A store that has let us in."""

    def __init__(self, store: Store, outlet: Outlet) -> None:
        self.store = store
        self.outlet = outlet
        self.stages_ms: dict[str, float] = {}
        self._calls = Calls(outlet.shut)

    async def within(self, limit: Limit, stage: str, work: Callable[[], T], prefix: str = "") -> T:
        """What `work` returns. Raises `CheckError`."""
        async with limit.round(stage):
            return await self.ask(stage, work, prefix)

    async def ask(
        self, stage: str, work: Callable[[], T], prefix: str = "", *, kind: type[CheckError] = CheckError
    ) -> T:
        """The same within the caller's limit. What our proxy could not do says more than the driver does of it."""
        try:
            with translated(self.store.said, stage, prefix, kind=kind):
                return await self._calls.run(work)
        except CheckError as error:
            if self.outlet.failure is not None:
                raise self.outlet.failure from error
            raise


@asynccontextmanager
async def opened(
    source: Source, options: StoreOptions, endpoints: Collection[Endpoint], make: Callable[[Route], Store]
) -> AsyncIterator[Opened]:
    """A store of `make` that has let us in. Raises `SourceUnreachable`."""
    async with AsyncExitStack() as stack:
        async with opening(source.connection_timeout) as progress:
            authority = stack.enter_context(_authority(options.rootcert))
            places = frozenset((endpoint.host, endpoint.port) for endpoint in endpoints)
            outlet = await stack.enter_async_context(open_outlet(Outlet(Hosts(places), progress)))
            route = Route(outlet.url, authority, max(source.connection_timeout, source.query_timeout))
            store = await in_thread(partial(make, route))  # it imports, and reads what the driver knows of a service
            stack.callback(store.close)
            stack.callback(outlet.shut)
            found = Opened(store, outlet)
            await found.ask("login", store.log_in, kind=SourceUnreachable)
            progress.end()
            found.stages_ms = progress.stages_ms
        yield found


@contextmanager
def _authority(rootcert: str | None) -> Iterator[str | bool]:
    """The file that drivers read: the source's own authority for as long as it is needed, or the system's."""
    if rootcert is None:
        yield ssl.get_default_verify_paths().cafile or True
        return
    context_of(rootcert)
    with tempfile.TemporaryDirectory(prefix="sourcecheck-") as folder:
        file = Path(folder) / "authority.pem"
        file.write_text(rootcert)
        yield str(file)


def require_login(options: StoreOptions, needed: Collection[str]) -> None:
    """Raises `SourceUnreachable` for a source without a login: no store lends the worker's own (security row 28)."""
    missing = [name for name in needed if not getattr(options, name)]
    if not missing:
        return
    message = f"The source has no {' and no '.join(missing)}; credentials of the worker's environment are never used"
    askable = not {*missing} - {*options.asked_fields}
    details = {"stage": "login"} | ({"secret_missing": True, "missing": missing} if askable else {})
    raise SourceUnreachable(ErrorCode.AUTHENTICATION_FAILED, message, details)
