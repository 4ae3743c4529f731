"""The local stack: PostgreSQL, Prefect's server, a worker and the API, started side by side and stopped together.

A server that the settings name is used as it is; the others are ours and live below the home.
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import httpx
import msgspec
from cryptography.fernet import Fernet
from msgspec import Struct

from datasources.model.settings import PREFIX, Settings
from deployments.stack.child import Child, Reaper, wait_until
from deployments.stack.credential import PrefectAuth, credential, given_credential
from deployments.stack.home import Home
from deployments.stack.log_files import keep_bounded
from deployments.stack.ports import claim
from deployments.stack.postgres import STOP_SIGNAL, EmbeddedPostgres
from deployments.stack.prefect_env import client_environ, server_environ
from deployments.stack.probes import require_servers

READY_SECONDS = 120.0
"""Seconds a child may take until it is ready the first time; a slow disk reads Prefect's files for ten."""
PROGRAM = [sys.executable, "-P", "-m", "deployments.cli"]
PARTS = ("catalogue", "prefect", "worker")
"""What has to be up before the stack is."""
WORKER = "local"
"""The name of our worker in our own Prefect; in another one it is the host's."""
Say = Callable[[str], None]


class Addresses(Struct, frozen=True):
    """Where a running stack answers."""

    api: str
    docs: str
    prefect_ui: str
    key: str

    def __repr__(self) -> str:
        return f"Addresses(api={self.api!r}, docs={self.docs!r}, prefect_ui={self.prefect_ui!r})"


class Stack(Struct):
    """What runs, and what it was told."""

    home: Home
    settings: Settings
    """Completed: every address is set."""
    addresses: Addresses
    postgres: EmbeddedPostgres | None
    prefect_auth: PrefectAuth
    """Opens Prefect's API."""


@asynccontextmanager
async def running(settings: Settings, say: Say, *, with_demo_database: bool = False) -> AsyncIterator[Stack]:
    """A stack that would take up a test now; stopped at the end.

    Raises `StackError` or `SettingsError` when it cannot start.
    """
    home = Home(settings.home_path)
    home.make()
    async with AsyncExitStack() as exits:
        exits.enter_context(home.locked())
        keeper = await exits.enter_async_context(Reaper(home))
        starter = Starter(home, settings, keeper, say, exits)
        bounded = asyncio.create_task(keep_bounded(home.logs, settings.log_megabytes, settings.log_files))
        try:
            yield await starter.start(with_demo_database)
        finally:
            bounded.cancel()
            await starter.stop()


class Starter:
    """Starts the children in the order that takes the least time."""

    def __init__(self, home: Home, settings: Settings, keeper: Reaper, say: Say, exits: AsyncExitStack) -> None:
        self._home = home
        self._keeper = keeper
        self._say = say
        self._exits = exits
        self._children: list[Child] = []
        self._began = time.monotonic()
        self._own_prefect = settings.prefect_api_url is None
        self._settings = self._with_keys(settings)
        self._credential = credential(home) if self._own_prefect else given_credential()

    async def start(self, with_demo_database: bool) -> Stack:
        """Start everything; answers when every part does. Servers of others have to answer beforehand.

        What `GET /health/ready` says beyond that, such as keys that decrypt nothing, is said: an operator needs a stack
        that runs to mend it.
        """
        await require_servers(self._settings, self._credential)
        postgres = self._embedded(with_demo_database)
        api = self._claim("api_port", self._settings.api_host)
        prefect = self._claim("prefect_port", "127.0.0.1") if self._own_prefect else None
        if postgres:
            postgres.settle_port()
        self._complete(postgres)
        try:
            key = await self._start_all(postgres, prefect, api)
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        await wait_until(self._is_ready, self._children, READY_SECONDS)
        for problem in (await self._readiness()).get("problems", {}).values():
            self._say(f"not well    {problem}")
        self._home.remember(
            "stack", {"prefect_api_url": self._settings.prefect_api_url, "api_url": self._api_address()}
        )
        return Stack(self._home, self._settings, self._addresses(key), postgres, self._prefect_auth())

    async def stop(self) -> None:
        """Stop the children: first who asks, then who is asked."""
        for group in (("worker", "api"), ("prefect",), ("postgres",)):
            await asyncio.gather(*(child.stop() for child in self._children if child.name in group))

    async def _start_all(
        self, postgres: EmbeddedPostgres | None, prefect: socket.socket | None, api: socket.socket
    ) -> str:
        """Prefect's server takes the longest: it loads while PostgreSQL starts and the catalogue is migrated."""
        async with asyncio.TaskGroup() as tasks:
            if prefect:
                tasks.create_task(self._prefect(prefect))
            name = WORKER if prefect else os.uname().nodename
            up = tasks.create_task(self._postgres(postgres))
            key = tasks.create_task(self._catalogue(up))
            tasks.create_task(self._client("worker", ["worker", "--deploy", "--name", name], up))
            tasks.create_task(self._client("api", ["serve", "--fd", str(api.fileno())], key, pass_fds=[api.fileno()]))
        return key.result()

    async def _postgres(self, postgres: EmbeddedPostgres | None) -> None:
        if postgres is None:
            return
        await asyncio.to_thread(postgres.prepare)
        child = self._child(
            "postgres",
            postgres.command(),
            environ=postgres.environ(),
            stop_signal=STOP_SIGNAL,
            before=postgres.clear_stale_pid,
            **postgres.popen(),
        )
        await child.start()
        await wait_until(lambda: asyncio.to_thread(postgres.answers, child.pid), [child], READY_SECONDS)
        await asyncio.to_thread(postgres.make_databases)
        self._progress("PostgreSQL  is up")

    async def _catalogue(self, postgres_is_up: asyncio.Task[None]) -> str:
        from deployments.stack.catalogue import prepare_catalogue

        await postgres_is_up
        return await asyncio.to_thread(prepare_catalogue, self._settings, self._home)

    async def _prefect(self, listener: socket.socket) -> None:
        settings = self._settings
        child = self._child(
            "prefect",
            [*PROGRAM, "prefect-server", "--fd", str(listener.fileno())],
            environ=server_environ(self._home, settings, settings.prefect_database_url or "", self._credential or ""),
            pass_fds=[listener.fileno()],
            grace=3.0,  # its state is in PostgreSQL
        )
        await child.start()
        await wait_until(lambda: _answers(f"{settings.prefect_api_url}/health"), [child], READY_SECONDS)
        await _forget_worker(settings, self._prefect_auth())
        self._progress("Prefect     is up")

    async def _client(self, name: str, arguments: list[str], after: asyncio.Task[Any], **options: Any) -> None:
        await after
        settings = msgspec.structs.replace(self._settings, bootstrap_key=None, prefect_database_url=None)
        environ = client_environ(self._home, settings, own_server=self._own_prefect, credential=self._credential)
        await self._child(name, [*PROGRAM, *arguments], environ=environ, **options).start()

    async def _is_ready(self) -> bool:
        found = await self._readiness()
        return all(found.get(part) for part in PARTS)

    async def _readiness(self) -> dict[str, Any]:
        """What `GET /health/ready` answers; nothing while the API does not."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
                found: dict[str, Any] = (await client.get(f"{self._api_address()}/health/ready")).json()
        except (httpx.HTTPError, ValueError):
            return {}
        return found

    def _child(self, name: str, command: list[str], *, environ: Mapping[str, str], **options: Any) -> Child:
        options |= {"keeper": self._keeper, "say": self._say, "json_lines": self._settings.log_format == "json"}
        child = Child(name, command, home=self._home, environ=environ, **options)
        self._children.append(child)
        return child

    def _with_keys(self, settings: Settings) -> Settings:
        keys = settings.secret_keys or self._home.secret("secret_keys", lambda: Fernet.generate_key().decode())
        private = settings.allow_private_networks if _given("allow_private_networks") else True
        files = settings.file_root or str(self._home.path / "files")
        return msgspec.structs.replace(settings, secret_keys=keys, allow_private_networks=private, file_root=files)

    def _embedded(self, with_demo_database: bool) -> EmbeddedPostgres | None:
        settings = self._settings
        needed = with_demo_database or not settings.database_url
        needed |= self._own_prefect and not settings.prefect_database_url
        return EmbeddedPostgres(self._home) if needed else None

    def _claim(self, name: str, host: str) -> socket.socket:
        """A listening socket for the port of this setting, which is changed to the port we got."""
        wanted = getattr(self._settings, name)
        listener = claim(host, wanted, variable=f"{PREFIX}{name.upper()}", given=_given(name))
        self._exits.callback(listener.close)
        port = listener.getsockname()[1]
        if port != wanted:
            self._say(f"port {wanted} is busy, taking {port} instead")
        self._settings = msgspec.structs.replace(self._settings, **{name: port})
        return listener

    def _complete(self, postgres: EmbeddedPostgres | None) -> None:
        """Fill in the addresses of what we run ourselves."""
        settings = self._settings
        if postgres:
            settings = msgspec.structs.replace(
                settings,
                database_url=settings.database_url or postgres.conninfo("catalogue").url(),
                prefect_database_url=settings.prefect_database_url or postgres.conninfo("prefect").url(),
            )
        if self._own_prefect:
            address = f"http://127.0.0.1:{settings.prefect_port}/api"
            settings = msgspec.structs.replace(settings, prefect_api_url=address)
        self._settings = settings

    def _prefect_auth(self) -> PrefectAuth:
        return PrefectAuth(self._settings.prefect_api_url or "", self._credential)

    def _api_address(self) -> str:
        host = self._settings.api_host
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
        return f"http://{host}:{self._settings.api_port}"

    def _addresses(self, key: str) -> Addresses:
        api = self._api_address()
        return Addresses(api=api, docs=f"{api}/docs", prefect_ui=self._settings.prefect_ui, key=key)

    def _progress(self, what: str) -> None:
        self._say(f"{what}  ({time.monotonic() - self._began:.1f} s)")


def _given(name: str) -> bool:
    """Whether a setting was set, rather than left at its default."""
    return bool(os.environ.get(f"{PREFIX}{name.upper()}"))


async def _forget_worker(settings: Settings, auth: PrefectAuth) -> None:
    """Take away the sign of life of the last time, by which we would seem ready before the worker is."""
    address = f"{settings.prefect_api_url}/work_pools/{settings.work_pool}/workers/{WORKER}"
    with suppress(httpx.HTTPError):
        async with httpx.AsyncClient(trust_env=False, timeout=5, auth=auth) as client:
            await client.delete(address)


async def _answers(address: str) -> bool:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            return (await client.get(address)).status_code == 200
    except httpx.HTTPError:
        return False
