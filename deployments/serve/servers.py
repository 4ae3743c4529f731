"""Servers under uvicorn, on a socket of their own or on one that listens already and is handed down."""

import gc
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from datasources.catalogue.engine import catalogue_url
from datasources.model.settings import Settings
from datasources.secrecy.vault import Vault
from deployments.serve._prefect import load_server, plain_timestamps, remember_time_zones, remember_tokens
from deployments.serve.gc_tuning import collect_rarely
from deployments.serve.hosts import Hosts, KnownHosts
from deployments.serve.logs import start_logging
from deployments.serve.trusting_dialect import trust_connections
from deployments.stack.local import set_prefect_url
from deployments.stack.ports import claim

NOT_YET = ("refused", "starting up", "in recovery mode", "not yet accepting connections", "shutting down")
"""What PostgreSQL, or the system in its place, answers for a while when it was started or killed."""
KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep an idle connection: of two that hang up at the same moment, the request would be lost."""


def serve_api(settings: Settings, inherited_fd: int | None = None) -> None:
    """The API alone, until a signal says stop.

    Raises `SettingsError` for a missing catalogue, key or Prefect server, and for a busy port.
    """
    catalogue_url(settings)
    Vault.from_settings(settings)
    set_prefect_url(settings)
    if inherited_fd is None:
        listener = claim(settings.api_host, settings.api_port, variable="SOURCECHECK_API_PORT", given=True)
    else:
        listener = socket.socket(fileno=inherited_fd)
    with quick_import():
        from api.app import create_app
        from api.wire.errors import body_of
        from deployments.serve.slow_clients import ImpatientHttp
        from deployments.serve.turns import InTurns
    start_logging(settings)
    _run(
        InTurns(KnownHosts(create_app(), Hosts.of_api(settings), body_of)),
        listener,
        http=ImpatientHttp,
        log_config=None,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


def serve_prefect(settings: Settings, inherited_fd: int) -> None:
    """What `prefect server start` runs, on a socket that is handed down.

    The command itself binds its port only when everything is loaded, which leaves another program seconds to take it.
    """
    remember_time_zones()
    with quick_import():
        from prefect.settings import get_current_settings

        make_server = load_server()

    start_logging(settings)
    plain_timestamps()
    trust_connections()
    remember_tokens()
    server = get_current_settings().server
    await_database(server.database.connection_url)
    _run(
        KnownHosts(make_server(), Hosts.of_prefect(server)),
        socket.socket(fileno=inherited_fd),
        log_config=None,
        access_log=False,
        timeout_keep_alive=server.api.keepalive_timeout,
        ws_per_message_deflate=False,  # events are small, and their senders near
        ws_ping_interval=server.api.websocket_ping_interval,
        ws_ping_timeout=server.api.websocket_ping_timeout,
    )


@contextmanager
def quick_import() -> Iterator[None]:
    """Import much, without looking for garbage that is not there: a fifth of Prefect's time to load."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
        collect_rarely()


def await_database(url: Any, within: float = 60) -> None:
    """Return when the database takes logins, or the time is up; the server then says itself what is wrong.

    One that was killed listens again before it has recovered, and a server that starts meanwhile would end at once.
    """
    import psycopg
    from sqlalchemy.engine import make_url

    address = make_url(url.get_secret_value())
    if not address.host:
        return
    plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            psycopg.connect(plain, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if not any(words in str(error) for words in NOT_YET):
                return
            time.sleep(0.05)
        else:
            return


def _run(app: Any, listener: socket.socket, **options: Any) -> None:
    import uvicorn

    config = uvicorn.Config(app, timeout_graceful_shutdown=3, **options)
    uvicorn.Server(config).run(sockets=[listener])
