"""Servers that the settings name are asked before anything is started; one that does not answer is named."""

import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from datasources.model.errors import SettingsError
from datasources.model.settings import Settings
from deployments.stack import probes
from deployments.stack.probes import probe_database, probe_prefect, require_servers
from tests.fixtures.servers.database import PASSWORD, Server, free_port


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def something_else() -> Iterator[int]:
    """A web server that is not Prefect."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def database(port: int, password: str = PASSWORD) -> str:
    return f"postgresql://reader:{password}@127.0.0.1:{port}/postgres"


async def test_a_database_that_answers_says_its_version(embedded: Server) -> None:
    """With the time that it took."""
    probe = await probe_database("catalogue", database(embedded.port))
    assert probe.ok
    assert probe.says.startswith("PostgreSQL 18")
    assert probe.milliseconds > 0


async def test_a_database_that_refuses_us_is_named_without_the_password(embedded: Server) -> None:
    """Place and reason, in one sentence."""
    probe = await probe_database("catalogue", database(embedded.port, "not-the-password"))
    assert not probe.ok
    assert probe.says.startswith(f"127.0.0.1:{embedded.port} cannot be used: ")
    assert "password authentication failed" in probe.says
    assert "not-the-password" not in probe.says


async def test_what_is_not_prefect_is_named(something_else: int) -> None:
    """A web server of another kind answers, and is not taken for it."""
    probe = await probe_prefect("Prefect", f"http://127.0.0.1:{something_else}/api")
    assert not probe.ok
    assert f"127.0.0.1:{something_else} answers 404" in probe.says


@pytest.mark.parametrize("setting", ["database_url", "prefect_database_url", "prefect_api_url"])
async def test_a_server_that_is_not_there_is_named_with_its_setting(setting: str) -> None:
    """The variable, then host and port."""
    port = free_port()
    given = f"http://127.0.0.1:{port}/api" if setting == "prefect_api_url" else database(port)
    with pytest.raises(SettingsError) as caught:
        await require_servers(Settings(**{setting: given}))
    assert str(caught.value).startswith(f"SOURCECHECK_{setting.upper()}: 127.0.0.1:{port} cannot be ")


@pytest.mark.parametrize("setting", ["database_url", "prefect_api_url"])
async def test_a_server_that_says_nothing_is_named(setting: str, silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a time that is bounded, here a short one."""
    monkeypatch.setattr(probes, "ANSWER_SECONDS", 2.0)
    given = f"http://127.0.0.1:{silent}/api" if setting == "prefect_api_url" else database(silent)
    began = time.monotonic()
    with pytest.raises(SettingsError, match=f"127.0.0.1:{silent} does not answer within 2 s"):
        await require_servers(Settings(**{setting: given}))
    assert time.monotonic() - began < 60


def test_nobody_waits_longer_than_ten_seconds() -> None:
    """What an operator is told within ten seconds, the second for the answer included."""
    assert probes.ANSWER_SECONDS + 1 <= 10


async def test_nothing_is_asked_when_no_server_is_named() -> None:
    """The local stack brings its own."""
    await require_servers(Settings())
